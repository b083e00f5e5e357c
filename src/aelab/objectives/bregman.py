"""The errors of numbers that split into noise + bias + variance, and how far predictions spread about their mean.

They are Bregman divergences, as that of symbols is (categorical.py), so one algebra serves them: an error is known
by its `loss` at a prediction, the `divergence` between two predictions, and the `noise`, the loss of a perfect
prediction. Predictions are averaged where the loss is linear in the target: as values for the squared error, as
logits for the cross-entropy (Heskes 1998; Pfau 2013; Gruber & Buettner 2023, arXiv 2210.12256).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

LARGEST = 1e140
"""Values beyond this count as infinite: their squares would overflow double precision."""

LOGIT_BOUND = 30.0
"""Logits are clamped to [-30, 30], probabilities within 1e-13 of 0 and 1, before anything is computed: those
of a saturated decoder are arbitrarily large, and a single one would own the mean."""


@dataclass(frozen=True)
class BregmanError:
    """An error, as functions of double precision tensors that broadcast; nothing is summed but the axes of ``event``.

    Predictions and coordinates have the target's axes and behind them ``event`` of their own, which ``loss`` and
    ``divergence`` reduce: the logits of one symbol are one prediction.
    """

    coordinates: Callable[[Tensor, Tensor], Tensor]
    """(predictions, target) -> the coordinates z in which predictions are averaged."""
    loss: Callable[[Tensor, Tensor], Tensor]
    """(z, target) -> the error of predicting z."""
    noise: Callable[[Tensor], Tensor]
    """Target -> the error that a perfect prediction still makes."""
    divergence: Callable[[Tensor, Tensor], Tensor]
    """D(z || centre): how much worse z is than the centre, for targets whose mean the centre predicts."""
    target_range: tuple[float, float]
    quadratic: bool = False
    """Whether D(z || centre) is proportional to |z - centre|^2."""
    noiseless: bool = True
    """Whether a perfect prediction makes no error."""
    event: int = 0
    """Trailing axes of the prediction of one value: 0, or 1 (the vocabulary)."""


def softplus(logits: Tensor) -> Tensor:
    """A(z) = log(1 + exp(z)), without the shortcut to A(z) = z above 20 that torch takes by default."""
    potential: Tensor = torch.nn.functional.softplus(logits, threshold=500)
    return potential


def _bernoulli_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy A(z) - t z, in nats."""
    # Swapping the two outcomes negates the logit and turns t into 1 - t. With the rarer outcome as the target
    # nothing cancels, so that the tiny loss of a confident and right prediction keeps all its digits.
    swap = target > 0.5
    logits = logits * torch.where(swap, -1.0, 1.0).to(logits)
    return softplus(logits).addcmul_(torch.where(swap, 1 - target, target), logits, value=-1)


def _bernoulli_divergence(logits: Tensor, centre: Tensor) -> Tensor:
    """KL(sigmoid(centre) || sigmoid(logits)) = A(z) - A(c) - A'(c) (z - c), in nats."""
    sign = torch.where(centre > 0, -1.0, 1.0).to(centre)  # outcomes swapped for the same reason: c <= 0
    logits = logits * sign
    centre = centre * sign
    return softplus(logits).sub_(softplus(centre)).addcmul_(torch.sigmoid(centre), logits - centre, value=-1)


def _entropy(target: Tensor) -> Tensor:
    entropy: Tensor = -torch.special.xlogy(target, target) - torch.special.xlog1py(1 - target, -target)
    return entropy


GAUSSIAN = BregmanError(
    # Averaged as residuals: their mean keeps its digits even where the data lie far from zero.
    coordinates=lambda predictions, target: predictions - target,
    loss=lambda residuals, target: residuals.square(),
    noise=torch.zeros_like,
    divergence=lambda residuals, centre: (residuals - centre).square_(),
    target_range=(-LARGEST, LARGEST),
    quadratic=True,
)
"""The squared error."""

BERNOULLI = BregmanError(
    coordinates=lambda logits, target: logits.clamp(-LOGIT_BOUND, LOGIT_BOUND),
    loss=_bernoulli_loss,
    noise=_entropy,
    divergence=_bernoulli_divergence,
    target_range=(0.0, 1.0),
    noiseless=False,
)
"""The cross-entropy of values between 0 and 1, in nats."""


def _poisson_divergence(z: Tensor, centre: Tensor) -> Tensor:
    """KL(Poisson(exp c) || Poisson(exp z)) = e^c (e^d - 1 - d), d = z - c, in nats."""
    apart = z - centre
    return centre.exp() * (apart.expm1() - apart)


POISSON = BregmanError(
    coordinates=lambda logs, target: logs.clamp(-LOGIT_BOUND, LOGIT_BOUND),
    loss=lambda z, target: z.exp() - target * z + (target + 1).lgamma(),
    noise=lambda target: target - torch.special.xlogy(target, target) + (target + 1).lgamma(),
    divergence=_poisson_divergence,
    target_range=(0.0, LARGEST),
    noiseless=False,
)
"""Minus the log-likelihood of counts; predictions are averaged as logarithms of means."""


def negative_binomial(dispersion: float) -> BregmanError:
    """Minus the log-likelihood of counts with variance ``mu + mu^2 / r``, r the dispersion, in nats.

    An exponential family with natural parameter ``eta = log(mu / (mu + r))``, in which predictions are averaged, and
    ``A(eta) = -r log(1 - e^eta)``.
    """
    shift = math.log(dispersion)

    def potential(eta: Tensor) -> Tensor:
        return -dispersion * torch.log(-torch.expm1(eta))

    def constant(target: Tensor) -> Tensor:
        return (target + dispersion).lgamma() - math.lgamma(dispersion) - (target + 1).lgamma()

    def noise(target: Tensor) -> Tensor:
        of_mean = dispersion * torch.log1p(target / dispersion)
        return of_mean - torch.special.xlogy(target, target / (target + dispersion)) - constant(target)

    def divergence(eta: Tensor, centre: Tensor) -> Tensor:
        mean = -dispersion * centre.exp() / torch.expm1(centre)
        return potential(eta) - potential(centre) - mean * (eta - centre)

    return BregmanError(
        coordinates=lambda logs, target: torch.nn.functional.logsigmoid(
            (logs - shift).clamp(-LOGIT_BOUND, LOGIT_BOUND)
        ),
        loss=lambda eta, target: potential(eta) - target * eta - constant(target),
        noise=noise,
        divergence=divergence,
        target_range=(0.0, LARGEST),
        noiseless=False,
    )


def spread(error: BregmanError, z: Tensor, centre: Tensor) -> tuple[Tensor, Tensor]:
    """How far each of U predictions z [U, ...] is from their mean `centre` [...]: two tensors [U, ...].

    The first, d_u = D(z_u || centre), averages to the plug-in variance (the Bregman information), which is
    too small because the centre was fitted to the same predictions. The second, c_u = (U-1) D(z_-u || centre)
    with z_-u the mean without u, averages to the delete-one jackknife's correction of that; d_u + c_u is the
    jackknife's pseudo-value of u. For the squared error it averages to the unbiased variance, with its U-1.
    """
    others = len(z) - 1
    divergence = error.divergence(z, centre)
    if error.quadratic:
        return divergence, divergence / others
    without = torch.add(centre, centre - z, alpha=1 / others)
    return divergence, error.divergence(without, centre).mul_(others)
