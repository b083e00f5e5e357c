"""Sliced Wasserstein autoencoder: codes are matched to the prior along random directions."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from aelab.errors import UserError
from aelab.models.base.autoencoder import Forward
from aelab.models.base.warmup import WarmedUp
from aelab.objectives.divergence import sliced_wasserstein
from aelab.objectives.randomness import Generators, fixed_normal, normal


class SlicedWassersteinAutoencoder(WarmedUp):
    """``error + weight * mean_p W_2^2(u_p' z, u_p' z~)``, z~ drawn from N(0, I) (Kolouri et al. 2019).

    u_p: ``directions`` random directions, drawn for each batch; along one, the distance is that of sorted values.
    Of finite batches it stays above 0. Outside training z~ and directions are always the same.
    """

    unused = ()
    paddable = False  # padding is no draw of the prior
    prior = "normal"
    takes_weights = False  # its penalty compares two samples, in which every code is one

    def __init__(self, *args: Any, directions: int = 50, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if directions < 1:
            raise UserError(f"model.directions={directions}: must be at least 1")
        self.directions = directions

    def penalties(self, forward: Forward, generator: Generators = None) -> dict[str, Tensor]:
        code = forward.encoding.code
        directions = code.new_empty(*code.shape[:-2], self.directions, code.shape[-1])
        if self.training:
            prior = normal(code, generator)
            along = normal(directions, generator)
        else:
            prior = fixed_normal(code)
            along = fixed_normal(directions, 1)
        return {"penalty": sliced_wasserstein(code, prior, along)}
