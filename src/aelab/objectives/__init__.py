"""Pure functions of tensors: reconstruction errors, penalties, corruptions.

Everything addresses its last axes only (values -1, examples -2), so that K stacked replicas, ``[K, B, D]``,
give K results.
"""

from aelab.objectives.corruption import GaussianNoise, MaskingNoise, NoCorruption, SaltAndPepper
from aelab.objectives.errors import Categorical, CrossEntropy, Error, SquaredError

ERRORS: dict[str, Error] = {error.name: error for error in (SquaredError(), CrossEntropy(), Categorical())}
"""The errors that have a name of their own."""

__all__ = [
    "ERRORS",
    "Categorical",
    "CrossEntropy",
    "Error",
    "GaussianNoise",
    "MaskingNoise",
    "NoCorruption",
    "SaltAndPepper",
    "SquaredError",
]
