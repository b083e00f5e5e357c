"""A start closer to the optimum: the layers of a deep autoencoder are trained one by one, then unrolled."""

from aelab.pretraining.boltzmann_stack import BoltzmannStack
from aelab.pretraining.greedy import Greedy
from aelab.pretraining.layers import check_pretraining, is_wanted, pretrain
from aelab.pretraining.momentum import MomentumSwitch
from aelab.pretraining.rbm import RBM

__all__ = ["RBM", "BoltzmannStack", "Greedy", "MomentumSwitch", "check_pretraining", "is_wanted", "pretrain"]
