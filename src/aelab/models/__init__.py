"""One LightningModule per autoencoder variant."""

from aelab.models.autoencoder import Autoencoder, Forward
from aelab.models.contractive import ContractiveAutoencoder
from aelab.models.denoising import DenoisingAutoencoder
from aelab.models.dictionary import DictionaryAutoencoder
from aelab.models.gated import GatedAutoencoder
from aelab.models.jump_relu import JumpReLUAutoencoder
from aelab.models.k_sparse import KSparseAutoencoder
from aelab.models.learner import Encoding, Terms
from aelab.models.relu_l1 import ReLUL1Autoencoder
from aelab.models.semantic_hashing import SemanticHashingAutoencoder
from aelab.models.sparse import SparseAutoencoder
from aelab.models.top_k import BatchTopKAutoencoder, TopKAutoencoder
from aelab.models.weight_decay import WeightDecayAutoencoder
from aelab.models.winner_take_all import WinnerTakeAllAutoencoder

__all__ = [
    "Autoencoder",
    "BatchTopKAutoencoder",
    "ContractiveAutoencoder",
    "DenoisingAutoencoder",
    "DictionaryAutoencoder",
    "Encoding",
    "Forward",
    "GatedAutoencoder",
    "JumpReLUAutoencoder",
    "KSparseAutoencoder",
    "ReLUL1Autoencoder",
    "SemanticHashingAutoencoder",
    "SparseAutoencoder",
    "Terms",
    "TopKAutoencoder",
    "WeightDecayAutoencoder",
    "WinnerTakeAllAutoencoder",
]
