"""What the encoder sees instead of x (Vincent et al. 2008, 2010). The target stays the clean x."""

from __future__ import annotations

import torch
from torch import Tensor

from aelab.errors import UserError
from aelab.objectives.randomness import Generators, normal, per_replica, uniform


def _check_probability(key: str, value: float | Tensor) -> None:
    if not isinstance(value, Tensor) and not 0 <= value <= 1:
        raise UserError(f"{key}={value}: must be a probability between 0 and 1")


class NoCorruption:
    """The encoder sees x."""

    varying: tuple[str, ...] = ()
    std: float | None = None

    def __call__(self, x: Tensor, generator: Generators = None) -> Tensor:
        return x


class GaussianNoise:
    """Adds noise of standard deviation ``std`` to every value."""

    varying = ("std",)

    def __init__(self, std: float | Tensor) -> None:
        if not isinstance(std, Tensor) and std < 0:
            raise UserError(f"corruption.std={std}: must be 0 or more")
        self.std = std

    def __call__(self, x: Tensor, generator: Generators = None) -> Tensor:
        return x + per_replica(self.std, x) * normal(x, generator)


class MaskingNoise:
    """Sets every value to 0 with ``probability``."""

    varying = ("probability",)

    def __init__(self, probability: float | Tensor) -> None:
        _check_probability("corruption.probability", probability)
        self.probability = probability

    def __call__(self, x: Tensor, generator: Generators = None) -> Tensor:
        return x * (uniform(x, generator) >= per_replica(self.probability, x))


class SaltAndPepper:
    """Sets every value with ``probability`` to ``low`` or ``high``, either equally likely."""

    varying = ("probability",)

    def __init__(self, probability: float | Tensor, low: float = 0.0, high: float = 1.0) -> None:
        _check_probability("corruption.probability", probability)
        self.probability = probability
        self.low = low
        self.high = high

    def __call__(self, x: Tensor, generator: Generators = None) -> Tensor:
        u = uniform(x, generator)
        half = per_replica(self.probability, x) / 2
        x = torch.where(u < half, torch.full_like(x, self.low), x)
        return torch.where(u >= 1 - half, torch.full_like(x, self.high), x)
