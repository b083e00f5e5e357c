"""Pixels as whole numbers: probabilities of grey levels, so that bits a value mean something."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aelab.objectives.bregman import BregmanError

LEVELS = 256
SMALLEST_LOG_SCALE = -7.0  # a hundredth of a level, below which nothing changes but the gradient


class DiscretizedLogistic(nn.Module):
    """``-sum_i log P(x_i)``, the probability of a grey level under a logistic distribution about the output (Salimans
    et al. 2017, one component): what lies within half of a level of x_i, at 0 and 1 all beyond it, too.

    Its scale is learned beside the weights; ``each``: one for each value. Divided by log 2 and the number of values it
    is bits per dimension. For pixels of 8 bits. Replicas that have learned different scales have no common error to
    split.
    """

    name = "discretized_logistic"
    label = "negative log-likelihood per example, nats"
    kind = "numbers"
    event = 0
    data_range: tuple[float, float] | None = (0.0, 1.0)
    steps = LEVELS - 1
    logits = True
    is_squared = False
    likelihood = True
    mass = True
    decomposition: BregmanError | None = None

    def __init__(self, each: bool = False) -> None:
        super().__init__()
        self.each = each
        self.log_scale = nn.Parameter(torch.full((1,), -2.0))

    def sized(self, shape: Sequence[int]) -> DiscretizedLogistic:
        """Itself, for examples of a shape."""
        if self.each:
            self.log_scale = nn.Parameter(torch.full((math.prod(shape),), -2.0))
        return self

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Decoder output and target ``[..., B, D]`` to errors ``[..., B]``."""
        return self.values(output, target).sum(-1)

    def values(self, output: Tensor, target: Tensor) -> Tensor:
        """The error of each value, ``[..., B, D]``."""
        log_scale = self.log_scale.unsqueeze(-2).clamp(min=SMALLEST_LOG_SCALE)
        narrow = (-log_scale).exp()
        away = target - output
        above = narrow * (away + 0.5 / self.steps)
        below = narrow * (away - 0.5 / self.steps)
        # log(s(a) - s(b)) = log s(a) + log s(-b) + log(1 - exp(b - a)), which loses nothing far out
        width = (narrow / self.steps).expand_as(away)
        inside = F.logsigmoid(above) + F.logsigmoid(-below) + torch.log(-torch.expm1(-width))
        found = torch.where(target < 0.5 / self.steps, F.logsigmoid(above), inside)
        return -torch.where(target > 1 - 0.5 / self.steps, F.logsigmoid(-below), found)

    def reconstruction(self, output: Tensor) -> Tensor:
        """The means, cut to 0..1: black is the likelier, the further the mean lies below it."""
        return output.clamp(0, 1)

    def beside(self, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The squared error of the reconstruction."""
        return {"squared": (self.reconstruction(output) - target).square().sum(-1)}
