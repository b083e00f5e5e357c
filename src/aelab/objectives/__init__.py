"""Pure functions of tensors: reconstruction errors, penalties, corruptions.

Everything addresses its last axes only (values -1, examples -2), so that K stacked replicas, ``[K, B, D]``,
give K results.
"""

from aelab.objectives.corruption import GaussianNoise, MaskingNoise, NoCorruption, SaltAndPepper
from aelab.objectives.errors import CrossEntropy, SquaredError

__all__ = ["CrossEntropy", "GaussianNoise", "MaskingNoise", "NoCorruption", "SaltAndPepper", "SquaredError"]
