"""From errors to log-likelihoods, where an error is one."""

from __future__ import annotations

import math

from torch import Tensor

from aelab.objectives.errors import Error
from aelab.objectives.observed import is_partly
from aelab.objectives.randomness import per_replica


def has_density(error: Error) -> bool:
    """Whether the error, scaled, is ``-log p(x | output)`` and a constant: what bounds and likelihoods need."""
    return not is_partly(error) and (error.is_squared or getattr(error, "likelihood", False))


def nats(error: Error, value: Tensor, values: int, weight: float | Tensor) -> Tensor | None:
    """``-log p(x | output)`` in nats of errors ``[...]`` of examples of so many values; None where there is none.

    The squared error is that of a normal distribution with variance ``weight / 2`` about the output, as a KL of that
    weight stands for: ``error / weight + D/2 log(pi weight)``. A likelihood is what it is, whatever the weight.
    """
    if not has_density(error):
        return None
    if not error.is_squared:
        return value
    if not isinstance(weight, Tensor) or weight.shape != value.shape:
        weight = per_replica(weight, value)
        weight = weight if isinstance(weight, Tensor) else value.new_full((), weight)
    return value / weight + 0.5 * values * (math.pi * weight).log() if bool((weight > 0).all()) else None
