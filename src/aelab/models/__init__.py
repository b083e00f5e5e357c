"""One LightningModule per autoencoder variant."""

from aelab.models.adversarial.adversarial import AdversarialAutoencoder
from aelab.models.adversarial.factor import FactorAutoencoder
from aelab.models.base.autoencoder import Autoencoder, Forward
from aelab.models.base.learner import Encoding, LossTerms
from aelab.models.classic.contractive import ContractiveAutoencoder
from aelab.models.classic.denoising import DenoisingAutoencoder
from aelab.models.classic.masked import MaskedAutoencoder
from aelab.models.classic.one_class import OneClassAutoencoder
from aelab.models.classic.rae import RegularizedAutoencoder
from aelab.models.classic.semantic_hashing import SemanticHashingAutoencoder
from aelab.models.classic.weight_decay import WeightDecayAutoencoder
from aelab.models.dictionary.base import DictionaryAutoencoder
from aelab.models.dictionary.gated import GatedAutoencoder
from aelab.models.dictionary.jump_relu import JumpReLUAutoencoder
from aelab.models.dictionary.relu_l1 import ReLUL1Autoencoder
from aelab.models.dictionary.top_k import BatchTopKAutoencoder, TopKAutoencoder
from aelab.models.quantized.fsq import ScalarQuantizedAutoencoder
from aelab.models.quantized.vq_vae import VectorQuantizedAutoencoder
from aelab.models.sparse.k_sparse import KSparseAutoencoder
from aelab.models.sparse.penalized import SparseAutoencoder
from aelab.models.sparse.winner_take_all import WinnerTakeAllAutoencoder
from aelab.models.variational.beta_tc import TotalCorrelationAutoencoder
from aelab.models.variational.info_vae import InfoVariationalAutoencoder
from aelab.models.variational.iwae import ImportanceWeightedAutoencoder
from aelab.models.variational.vae import VariationalAutoencoder
from aelab.models.wasserstein.sliced_wasserstein import SlicedWassersteinAutoencoder
from aelab.models.wasserstein.wae_mmd import WassersteinAutoencoder

__all__ = [
    "AdversarialAutoencoder",
    "Autoencoder",
    "BatchTopKAutoencoder",
    "ContractiveAutoencoder",
    "DenoisingAutoencoder",
    "DictionaryAutoencoder",
    "Encoding",
    "FactorAutoencoder",
    "Forward",
    "GatedAutoencoder",
    "ImportanceWeightedAutoencoder",
    "InfoVariationalAutoencoder",
    "JumpReLUAutoencoder",
    "KSparseAutoencoder",
    "LossTerms",
    "MaskedAutoencoder",
    "OneClassAutoencoder",
    "ReLUL1Autoencoder",
    "RegularizedAutoencoder",
    "ScalarQuantizedAutoencoder",
    "SemanticHashingAutoencoder",
    "SlicedWassersteinAutoencoder",
    "SparseAutoencoder",
    "TopKAutoencoder",
    "TotalCorrelationAutoencoder",
    "VariationalAutoencoder",
    "VectorQuantizedAutoencoder",
    "WassersteinAutoencoder",
    "WeightDecayAutoencoder",
    "WinnerTakeAllAutoencoder",
]
