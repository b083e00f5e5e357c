"""Random draws from one generator, or from K generators for K replicas."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from aelab.objectives.waiting import on_device

ORDER = 0  # separate streams for the order of the examples and for noise
NOISE = 1


def seeded_generator(seed: int, epoch: int, stream: int = ORDER, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator that depends on (seed, epoch, stream) only, so that a resumed epoch repeats itself."""
    return torch.Generator(device=device).manual_seed(epoch_seed(seed, epoch, stream))


def epoch_seed(seed: int, epoch: int, stream: int) -> int:
    """One number for (seed, epoch, stream)."""
    return (seed * 2_000_003 + epoch * 2 + stream) % 2**63


Generators = torch.Generator | Sequence[torch.Generator] | None


def generators_of(generator: Generators) -> list[torch.Generator]:
    """The generators one by one."""
    if generator is None:
        return []
    return [generator] if isinstance(generator, torch.Generator) else list(generator)


def _draw(sampler: Callable[..., Tensor], shape: Sequence[int], like: Tensor, generator: Generators) -> Tensor:
    options = {"dtype": like.dtype, "device": like.device}
    if generator is None or isinstance(generator, torch.Generator):
        return sampler(shape, generator=generator, **options)
    return torch.stack([sampler(shape[1:], generator=g, **options) for g in generator])


def normal(like: Tensor, generator: Generators) -> Tensor:
    """Standard normal values of the shape of ``like``; K generators give each leading slice its own."""
    return _draw(torch.randn, like.shape, like, generator)


def fixed_normal(like: Tensor, draw: int = 0) -> Tensor:
    """Standard normal values for the last two axes of ``like``, always the same, whatever stands in front of them.

    ``draw``: which; different ones are independent.
    """
    return normal(like.new_empty(like.shape[-2:]), seeded_generator(draw, 0, NOISE, like.device))


def uniform(like: Tensor, generator: Generators) -> Tensor:
    """Uniform values on [0, 1) of the shape of ``like``."""
    return _draw(torch.rand, like.shape, like, generator)


def fixed_uniform(like: Tensor) -> Tensor:
    """Uniform values on [0, 1) for the last two axes of ``like``, always the same, whatever stands in front of them."""
    return uniform(like.new_empty(like.shape[-2:]), seeded_generator(0, 0, NOISE, like.device))


def rademacher(like: Tensor, generator: Generators) -> Tensor:
    """Values -1 and +1 with equal probability, of the shape of ``like``."""
    return torch.where(uniform(like, generator) < 0.5, -torch.ones_like(like), torch.ones_like(like))


def per_replica(value: float | Tensor, like: Tensor) -> float | Tensor:
    """A hyperparameter of length K shaped ``[K, 1, ...]`` so that it meets ``like`` ``[K, ...]``; numbers pass.

    It is held in float64 and rounded to the type of ``like`` only here, as a number would be.
    """
    if not isinstance(value, Tensor):
        return value
    return on_device(value, like.device).to(like).view(-1, *[1] * (like.ndim - 1))
