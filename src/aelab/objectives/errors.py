"""Reconstruction errors, summed over the values of one example (the unit of Hinton & Salakhutdinov 2006)."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor
from torch.nn import functional as F

from aelab.objectives.bregman import BERNOULLI, GAUSSIAN, BregmanError


class Error(Protocol):
    """All that is known of a reconstruction error; whoever needs a fact of it asks the object, never its name.

    ``data_range``: the values that its targets may have, None for any. ``logits``: whether the decoder's output is
    something else than the reconstruction, so that no activation may come between. ``is_squared``: whether errors of
    PCA and of other models that minimise squares stand on the same scale. ``decomposition``: how it splits into noise,
    bias and variance; None where that is not known.
    """

    name: str
    data_range: tuple[float, float] | None
    logits: bool
    is_squared: bool
    decomposition: BregmanError | None

    def __call__(self, output: Tensor, target: Tensor) -> Tensor: ...

    def reconstruction(self, output: Tensor) -> Tensor: ...


class SquaredError:
    """``sum_i (r_i - x_i)^2``; the decoder's output is the reconstruction itself."""

    name = "squared"
    data_range: tuple[float, float] | None = None
    logits = False
    is_squared = True
    decomposition: BregmanError | None = GAUSSIAN

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        """Decoder output and target ``[..., B, D]`` to errors ``[..., B]``."""
        return (output - target).square().sum(-1)

    def reconstruction(self, output: Tensor) -> Tensor:
        """The decoder's output as a reconstruction of x."""
        return output


class CrossEntropy:
    """``-sum_i x_i log r_i + (1 - x_i) log(1 - r_i)`` in nats, for x in [0, 1].

    The decoder's output is the logit of r, so that no probability is ever clipped. For grey values the
    error's floor is the entropy of x, not 0.
    """

    name = "cross_entropy"
    data_range: tuple[float, float] | None = (0.0, 1.0)
    logits = True
    is_squared = False
    decomposition: BregmanError | None = BERNOULLI

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        """Logits and target ``[..., B, D]`` to errors ``[..., B]``."""
        target = target.expand_as(output)
        return F.binary_cross_entropy_with_logits(output, target, reduction="none").sum(-1)

    def reconstruction(self, output: Tensor) -> Tensor:
        """The logits as values in [0, 1]."""
        return output.sigmoid()
