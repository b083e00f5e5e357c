"""Adversarial autoencoder: codes are driven to where nobody can tell them from draws of the prior."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor
from torch.nn.functional import softplus

from aelab.models.adversarial.discriminator import Discriminator
from aelab.models.base.autoencoder import Forward
from aelab.models.base.warmup import WarmedUp
from aelab.objectives.randomness import Generators, fixed_normal, normal


class AdversarialAutoencoder(WarmedUp):
    """``error + weight * softplus(-D(z))`` for the encoder, ``softplus(D(z)) + softplus(-D(z~))`` for D, whose logit is
    high for draws z~ of N(0, I) (Makhzani et al. 2016; the non-saturating form of Goodfellow et al. 2014).

    The loss is the sum of both, in which each player takes the other for fixed: every parameter's gradient is its own
    player's, in one step of one optimiser, at once instead of in turns. ``discriminator``: widths of D's hidden layers.
    Where D cannot tell, ``discriminator`` is ``2 log 2 = 1.386`` and ``penalty`` is ``log 2``.
    """

    unused = ()
    paddable = False  # padding is no draw of the prior
    players = 2
    prior = "normal"

    def __init__(self, *args: Any, discriminator: Sequence[int] = (64, 64), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.discriminator = Discriminator(self.network.code_size, discriminator)

    def penalties(self, forward: Forward, generator: Generators = None) -> dict[str, Tensor]:
        code = forward.encoding.code
        prior = normal(code, generator) if self.training else fixed_normal(code)
        told = self.mean(softplus(self.discriminator(code.detach()))) + softplus(-self.discriminator(prior)).mean(-1)
        return {"penalty": self.mean(softplus(-self.discriminator(code, held=True))), "discriminator": told}
