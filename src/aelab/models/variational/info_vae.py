"""InfoVAE: a VAE whose codes are matched to the prior as a whole, too."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from aelab.errors import UserError
from aelab.models.base.autoencoder import Forward
from aelab.models.variational.vae import VariationalAutoencoder
from aelab.objectives.divergence import maximum_mean_discrepancy
from aelab.objectives.randomness import Generators, fixed_normal, normal


class InfoVariationalAutoencoder(VariationalAutoencoder):
    """``error + weight * KL + mmd_weight * MMD^2(z, z~)``, z~ drawn from N(0, I) (Zhao et al. 2019, eq. 6).

    Of the paper's alpha and lambda, ``weight`` is ``1 - alpha`` and ``mmd_weight`` ``alpha + lambda - 1``, both times 2
    s^2 for the squared error. A weight of 0 leaves the MMD alone to hold codes near the prior. The MMD is unbiased,
    by a Gaussian kernel of width ``2 H``.
    """

    takes_weights = False  # the discrepancy is that of two samples

    def __init__(self, *args: Any, mmd_weight: float = 10.0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if mmd_weight < 0:
            raise UserError(f"model.mmd_weight={mmd_weight}: must be 0 or more")
        self.mmd_weight = mmd_weight

    def penalties(self, forward: Forward, generator: Generators = None) -> dict[str, Tensor]:
        code = self.drawn(forward)
        prior = normal(code, generator) if self.training else fixed_normal(code, 1)
        return super().penalties(forward, generator) | {"mmd": maximum_mean_discrepancy(code, prior, "rbf")}

    def factor(self, name: str, penalty: Tensor) -> float | Tensor:
        return self.mmd_weight if name == "mmd" else super().factor(name, penalty)
