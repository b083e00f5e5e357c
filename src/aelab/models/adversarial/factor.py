"""FactorVAE: a second network measures how much the code's units depend on one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import softplus

from aelab.models.adversarial.discriminator import Discriminator
from aelab.models.base.autoencoder import Forward
from aelab.models.variational.kl_weighted import KLWeighted
from aelab.objectives.randomness import Generators, fixed_uniform, uniform


class FactorAutoencoder(KLWeighted):
    """``error + kl_weight * KL + weight * E D(z)`` for encoder and decoder; D tells codes from codes whose units are
    shuffled among examples, ``softplus(-D(z)) + softplus(D(z'))`` (Kim & Mnih 2018).

    D's logit is then ``log q(z) / prod_j q(z_j)``, whose mean, ``penalty``, estimates the total correlation. Codes are
    those of the first half of a batch, shuffled ones those of the second. ``kl_weight``: 1 for a likelihood, 2 s^2 for
    the squared error. ``discriminator``: widths of D's hidden layers. Both learn at once, as in AdversarialAutoencoder.
    """

    players = 2
    takes_weights = False  # units are shuffled among examples, each of which is then one draw

    def __init__(self, *args: Any, discriminator: Sequence[int] = (64, 64), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.discriminator = Discriminator(self.network.code_size, discriminator)

    def penalties(self, forward: Forward, generator: Generators = None) -> dict[str, Tensor]:
        code = self.drawn(forward)
        found = {"penalty": self.discriminator(code, held=True).mean(-1)}
        return found | {"discriminator": self._told(code.detach(), generator)} | self.of_drawn_code(forward)

    def _told(self, code: Tensor, generator: Generators) -> Tensor:
        half = code.shape[-2] // 2
        if not half:  # nothing to shuffle with
            return self.discriminator(code).mean(-1) * 0
        together = code[..., :half, :]
        other = code[..., half : 2 * half, :]
        order = (uniform(other, generator) if self.training else fixed_uniform(other)).argsort(-2)
        shuffled = torch.take_along_dim(other, order.expand_as(other), -2)
        return softplus(-self.discriminator(together)).mean(-1) + softplus(self.discriminator(shuffled)).mean(-1)
