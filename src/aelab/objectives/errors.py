"""Reconstruction errors, summed over the values of one example (the unit of Hinton & Salakhutdinov 2006)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


class SquaredError:
    """``sum_i (r_i - x_i)^2``; the decoder's output is the reconstruction itself."""

    name = "squared"

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

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        """Logits and target ``[..., B, D]`` to errors ``[..., B]``."""
        target = target.expand_as(output)
        return F.binary_cross_entropy_with_logits(output, target, reduction="none").sum(-1)

    def reconstruction(self, output: Tensor) -> Tensor:
        """The logits as values in [0, 1]."""
        return output.sigmoid()
