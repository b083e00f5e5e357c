"""Pure functions of tensors: reconstruction errors, penalties, corruptions.

Everything addresses its last axes only (values -1, examples -2), so that K stacked replicas, ``[K, B, D]``,
give K results.
"""

from typing import Any

from aelab.objectives.corruption import (
    GaussianNoise,
    HiddenView,
    MaskingNoise,
    NoCorruption,
    SaltAndPepper,
    TokenNoise,
)
from aelab.objectives.discretized import DiscretizedLogistic
from aelab.objectives.errors import AbsoluteError, Categorical, CrossEntropy, Error, SquaredError
from aelab.objectives.likelihoods import Bernoulli, Gaussian, NegativeBinomial, Poisson
from aelab.objectives.observed import ObservedError
from aelab.objectives.perceptual import PerceptualError
from aelab.objectives.structure import StructuralError

_ALL: tuple[Any, ...] = (
    SquaredError(),
    CrossEntropy(),
    Categorical(),
    AbsoluteError(),
    Bernoulli(),
    Gaussian(),
    Poisson(),
    NegativeBinomial(),
    StructuralError(),
    PerceptualError(),
    DiscretizedLogistic(),
)
ERRORS: dict[str, Error] = {error.name: error for error in _ALL}
"""The errors that have a name of their own."""

__all__ = [
    "ERRORS",
    "AbsoluteError",
    "Bernoulli",
    "Categorical",
    "CrossEntropy",
    "DiscretizedLogistic",
    "Error",
    "Gaussian",
    "GaussianNoise",
    "HiddenView",
    "MaskingNoise",
    "NegativeBinomial",
    "NoCorruption",
    "ObservedError",
    "PerceptualError",
    "Poisson",
    "SaltAndPepper",
    "SquaredError",
    "StructuralError",
    "TokenNoise",
]
