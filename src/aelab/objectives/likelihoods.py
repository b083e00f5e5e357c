"""Errors that are ``-log p(x | output)`` in nats, with all constants, so that bounds on ``log p(x)`` mean something."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aelab.errors import UserError
from aelab.objectives.bregman import POISSON, BregmanError, negative_binomial
from aelab.objectives.errors import CrossEntropy

LARGEST_LOG = 30.0  # of a mean, in the exponent alone, so that a first step that is too long stays finite


class Bernoulli(CrossEntropy):
    """The cross-entropy of values that are 0 or 1; the decoder's output is a logit."""

    name = "bernoulli"
    label = "negative log-likelihood per example, nats"
    likelihood = True
    whole = True
    repair = "use data.binarize=threshold, static or dynamic, or error=cross_entropy"


class _Counts:
    """What errors of counts share: the decoder's output is the logarithm of the mean."""

    label = "negative log-likelihood per example, nats"
    kind = "numbers"
    event = 0
    data_range: tuple[float, float] | None = (0.0, math.inf)
    logits = True
    is_squared = False
    likelihood = True
    whole = True
    repair = "counts are whole numbers from 0, as they are, not standardised; use error=squared for others"

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        """Logarithms of means and counts ``[..., B, D]`` to errors ``[..., B]``."""
        return self.values(output, target).sum(-1)

    def values(self, output: Tensor, target: Tensor) -> Tensor:
        """The error of each value, ``[..., B, D]``."""
        raise NotImplementedError

    def reconstruction(self, output: Tensor) -> Tensor:
        """The means."""
        return output.clamp(max=LARGEST_LOG).exp()

    def beside(self, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The squared error of the means."""
        return {"squared": (self.reconstruction(output) - target).square().sum(-1)}


class Poisson(_Counts):
    """``sum_i mu_i - x_i log mu_i + log x_i!`` of counts x_i; the decoder's output is log mu."""

    name = "poisson"
    decomposition: BregmanError | None = POISSON

    def values(self, output: Tensor, target: Tensor) -> Tensor:
        """The error of each value, ``[..., B, D]``."""
        return self.reconstruction(output) - target * output + (target + 1).lgamma()


class NegativeBinomial(_Counts):
    """Counts whose variance is ``mu + mu^2 / r``, r the ``dispersion``; the decoder's output is log mu.

    ``-log [Gamma(x + r) / (Gamma(r) x!) (r / (r + mu))^r (mu / (r + mu))^x]``; as r grows, Poisson's. One r,
    given, so that replicas' errors split as those of an exponential family do.
    """

    name = "negative_binomial"

    def __init__(self, dispersion: float = 1.0) -> None:
        if dispersion <= 0:
            raise UserError(f"error.dispersion={dispersion}: must be above 0, like error.dispersion=1")
        self.dispersion = dispersion
        self.decomposition: BregmanError | None = negative_binomial(dispersion)

    def values(self, output: Tensor, target: Tensor) -> Tensor:
        """The error of each value, ``[..., B, D]``."""
        r = self.dispersion
        logit = output - math.log(r)
        constant = (target + r).lgamma() - math.lgamma(r) - (target + 1).lgamma()
        return -(constant + r * F.logsigmoid(-logit) + target * F.logsigmoid(logit))


class Gaussian(nn.Module):
    """``sum_i (r_i - x_i)^2 / (2 s^2) + log(2 pi s^2) / 2`` with s^2 learned beside the weights.

    ``each``: a variance of its own for each value. The output is the reconstruction itself. Replicas that have learned
    different variances have no common error to split.
    """

    name = "gaussian"
    label = "negative log-likelihood per example, nats"
    kind = "numbers"
    event = 0
    data_range: tuple[float, float] | None = None
    logits = False
    is_squared = False
    likelihood = True
    decomposition: BregmanError | None = None

    def __init__(self, each: bool = False) -> None:
        super().__init__()
        self.each = each
        self.log_variance = nn.Parameter(torch.zeros(1))

    def sized(self, shape: Sequence[int]) -> Gaussian:
        """Itself, for examples of a shape."""
        if self.each:
            self.log_variance = nn.Parameter(torch.zeros(math.prod(shape)))
        return self

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Decoder output and target ``[..., B, D]`` to errors ``[..., B]``."""
        return self.values(output, target).sum(-1)

    def values(self, output: Tensor, target: Tensor) -> Tensor:
        """The error of each value, ``[..., B, D]``."""
        log_variance = self.log_variance.unsqueeze(-2)
        squares = (output - target).square() * (-log_variance).exp()
        return 0.5 * (squares + log_variance + math.log(2 * math.pi))

    def reconstruction(self, output: Tensor) -> Tensor:
        """The decoder's output as a reconstruction of x."""
        return output

    def beside(self, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The squared error of the reconstruction."""
        return {"squared": (output - target).square().sum(-1)}
