"""K models trained as one, and what their disagreement says: bias, variance and their uncertainty."""

from aelab.replicas.decomposition import Decomposer, decompose
from aelab.replicas.result import Decomposition

__all__ = ["Decomposer", "Decomposition", "decompose"]
