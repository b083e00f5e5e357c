"""Wasserstein autoencoder: the distribution of all codes is matched to the prior."""

from __future__ import annotations

from typing import Any, Literal

from torch import Tensor

from aelab.models.base.autoencoder import Forward
from aelab.models.base.warmup import WarmedUp
from aelab.objectives.divergence import maximum_mean_discrepancy
from aelab.objectives.randomness import Generators, fixed_normal, normal


class WassersteinAutoencoder(WarmedUp):
    """``error + weight * MMD^2(z, z~)``, z~ as many draws of N(0, I) as codes (Tolstikhin et al. 2018).

    The MMD is unbiased, so that it is below 0 now and then. ``kernel``: ``imq``, seven inverse multiquadratics, or
    ``rbf``. The encoder is deterministic. Outside training z~ is always the same.
    """

    unused = ()
    paddable = False  # padding is no draw of the prior
    prior = "normal"
    takes_weights = False  # its penalty compares two samples, in which every code is one

    def __init__(self, *args: Any, kernel: Literal["imq", "rbf"] = "imq", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kernel = kernel

    def penalties(self, forward: Forward, generator: Generators = None) -> dict[str, Tensor]:
        code = forward.encoding.code
        prior = normal(code, generator) if self.training else fixed_normal(code)
        return {"penalty": maximum_mean_discrepancy(code, prior, self.kernel)}
