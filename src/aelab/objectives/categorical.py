"""The cross-entropy of symbols as a Bregman divergence: A(z) = logsumexp(z), z the logits of one symbol, ``[..., V]``.

A constant that is added to all logits of a prediction changes nothing: coordinates are log-probabilities.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aelab.objectives.bregman import LARGEST, LOGIT_BOUND, BregmanError


def categorical(padding: int | None = None) -> BregmanError:
    """``-log softmax(z)_y`` in nats, y the true symbol; noise 0, variance the mean KL(softmax zbar || softmax z).

    Predictions are averaged as logits: their mean is the normalised geometric mean of the distributions.
    ``padding``: a symbol whose positions are left out: there all predictions are taken for the same and cost nothing.
    """

    def coordinates(logits: Tensor, target: Tensor) -> Tensor:
        z = logits.log_softmax(-1).clamp_(min=-LOGIT_BOUND)
        return z if padding is None else z.masked_fill_((target == padding).unsqueeze(-1), 0)

    def loss(z: Tensor, target: Tensor) -> Tensor:
        found = _above(z, target.long().unsqueeze(-1))[1].log1p_()
        return found if padding is None else found.masked_fill_(target == padding, 0)

    return BregmanError(
        coordinates, loss, torch.zeros_like, _divergence, target_range=(0, LARGEST), noiseless=True, event=1
    )


def _above(z: Tensor, symbol: Tensor) -> tuple[Tensor, Tensor]:
    """``z_v - z_s`` ``[..., V]``, s the symbol ``[..., 1]``, and the sum of their exponentials over v other than s.

    ``log1p`` of that sum is A(z) - z_s. Nothing cancels in it, so that the tiny loss of a confident and right
    prediction keeps all its digits.
    """
    symbol = symbol.expand(*z.shape[:-1], 1)
    above = z - z.gather(-1, symbol)
    return above, above.exp().scatter_(-1, symbol, 0).sum(-1)


def _divergence(z: Tensor, centre: Tensor) -> Tensor:
    """KL(softmax(centre) || softmax(z)) = A(z) - A(c) - softmax(c) . (z - c), in nats; the vocabulary is reduced."""
    likeliest = centre.argmax(-1, keepdim=True)  # with it as the origin all terms are small where the divergence is
    z, others = _above(z, likeliest)
    centre, of_centre = _above(centre, likeliest)
    weighted = (centre.exp() * (z - centre)).sum(-1)  # 0 at the likeliest
    return others.log1p_().sub_(of_centre.log1p()).sub_(weighted / (1 + of_centre))
