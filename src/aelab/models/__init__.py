"""One LightningModule per autoencoder variant."""

from aelab.models.autoencoder import Autoencoder, Terms
from aelab.models.contractive import ContractiveAutoencoder
from aelab.models.denoising import DenoisingAutoencoder
from aelab.models.k_sparse import KSparseAutoencoder
from aelab.models.semantic_hashing import SemanticHashingAutoencoder
from aelab.models.sparse import SparseAutoencoder

__all__ = [
    "Autoencoder",
    "ContractiveAutoencoder",
    "DenoisingAutoencoder",
    "KSparseAutoencoder",
    "SemanticHashingAutoencoder",
    "SparseAutoencoder",
    "Terms",
]
