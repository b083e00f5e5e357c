"""One LightningModule per autoencoder variant."""

from aelab.models.base.autoencoder import Autoencoder, Forward
from aelab.models.base.learner import Encoding, LossTerms
from aelab.models.classic.contractive import ContractiveAutoencoder
from aelab.models.classic.denoising import DenoisingAutoencoder
from aelab.models.classic.semantic_hashing import SemanticHashingAutoencoder
from aelab.models.classic.weight_decay import WeightDecayAutoencoder
from aelab.models.dictionary.base import DictionaryAutoencoder
from aelab.models.dictionary.gated import GatedAutoencoder
from aelab.models.dictionary.jump_relu import JumpReLUAutoencoder
from aelab.models.dictionary.relu_l1 import ReLUL1Autoencoder
from aelab.models.dictionary.top_k import BatchTopKAutoencoder, TopKAutoencoder
from aelab.models.sparse.k_sparse import KSparseAutoencoder
from aelab.models.sparse.penalized import SparseAutoencoder
from aelab.models.sparse.winner_take_all import WinnerTakeAllAutoencoder
from aelab.models.variational.vae import VariationalAutoencoder

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
    "LossTerms",
    "ReLUL1Autoencoder",
    "SemanticHashingAutoencoder",
    "SparseAutoencoder",
    "TopKAutoencoder",
    "VariationalAutoencoder",
    "WeightDecayAutoencoder",
    "WinnerTakeAllAutoencoder",
]
