"""What the encoder sees instead of x (Vincent et al. 2008, 2010). The target stays the clean x."""

from __future__ import annotations

import torch
from torch import Tensor

from aelab.errors import UserError
from aelab.objectives.randomness import Generators, normal, per_replica, uniform
from aelab.objectives.symbols import END, PADDING, UNKNOWN


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


class TokenNoise:
    """Of the symbols of a sequence some are left out, some hidden, and the rest moves a little (Lample et al. 2018).

    Each is left out with probability ``drop``, or else hidden behind the unknown symbol with probability ``mask``; then
    the symbols are sorted by ``place + u``, u uniform on [0, shuffle + 1), so that none moves further than ``shuffle``
    places. What ends a sequence stays its end.
    """

    varying = ("drop", "mask")
    kind = "symbols"

    def __init__(self, drop: float | Tensor = 0.1, mask: float | Tensor = 0.0, shuffle: int = 3) -> None:
        _check_probability("corruption.drop", drop)
        _check_probability("corruption.mask", mask)
        if shuffle < 0:
            raise UserError(f"corruption.shuffle={shuffle}: places that a symbol may move, 0 or more")
        self.drop = drop
        self.mask = mask
        self.shuffle = shuffle

    def __call__(self, x: Tensor, generator: Generators = None) -> Tensor:
        symbols = x.long()
        count = x.shape[-1]
        like = torch.empty(x.shape, device=x.device)  # of one precision, so that draws do not depend on that of symbols
        free = (symbols != PADDING) & (symbols != END)
        dropped = free & (uniform(like, generator) < per_replica(self.drop, like))
        hidden = free & (uniform(like, generator) < per_replica(self.mask, like))
        symbols = symbols.masked_fill(hidden, UNKNOWN)
        places = torch.arange(count, device=x.device) + (self.shuffle + 1) * uniform(like, generator)
        places = torch.where(symbols == END, 2.0 * count + self.shuffle, places)
        last = 3.0 * count + self.shuffle
        order = places.masked_fill(dropped | (symbols == PADDING), last).argsort(stable=True, dim=-1)
        return symbols.masked_fill(dropped, PADDING).gather(-1, order).to(x.dtype)


class HiddenView:
    """Examples are two views of one thing, the first half of the values and the second: one of them, either equally
    likely, becomes 0 with ``probability`` (Chandar et al. 2014; Ngiam et al. 2011). The target is both."""

    kind = "numbers"
    varying = ("probability",)

    def __init__(self, probability: float | Tensor = 0.9) -> None:
        _check_probability("corruption.probability", probability)
        self.probability = probability

    def __call__(self, x: Tensor, generator: Generators = None) -> Tensor:
        if x.shape[-1] % 2:
            raise UserError(
                f"corruption=views: examples of {x.shape[-1]} values have no two halves; use data=parallel_bags"
            )
        u = uniform(x[..., :1], generator)
        half = per_replica(self.probability, u) / 2
        first, second = x.chunk(2, -1)
        return torch.cat([first * (u >= half), second * (u < 1 - half)], -1)
