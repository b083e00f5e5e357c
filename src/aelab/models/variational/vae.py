"""Variational autoencoder: a code is a normal distribution, and what it tells of x costs nats."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from aelab.errors import UserError
from aelab.models.base.autoencoder import Forward
from aelab.models.variational.normal_code import NormalCode
from aelab.objectives.randomness import Generators


class VariationalAutoencoder(NormalCode):
    """``error + weight * KL(N(m, v) || N(0, I))`` with the code ``m + sqrt(v) * n`` (Kingma & Welling 2014).

    ``weight``: beta (Higgins et al. 2017) for a likelihood; ``2 s^2 beta`` for the squared error, where s^2 is the
    variance of a value about its reconstruction. ``warmup``, ``cycles``: see WarmedUp. ``free_nats``: a unit whose KL,
    averaged over the batch, is below that pays that (Kingma et al. 2016, eq. 15). ``capacity``: the KL is held at so
    many nats, which rise from 0 over the training, by ``|KL - capacity|`` (Burgess et al. 2018); null for none.
    ``optimal_variance``: s^2 is its own best value, the mean squared error of the batch, so that the loss is
    ``D/2 log(mse) + weight * KL`` with weight 1 for the bound itself (sigma-VAE, Rybkin et al. 2021).
    """

    def __init__(
        self,
        *args: Any,
        free_nats: float = 0.0,
        capacity: float | None = None,
        optimal_variance: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        if free_nats < 0 or (capacity is not None and capacity < 0):
            raise UserError(f"model.free_nats={free_nats} model.capacity={capacity}: nats are 0 or more")
        if free_nats and capacity is not None:
            raise UserError(f"model.free_nats={free_nats} model.capacity={capacity}: use one of them")
        if optimal_variance and not self.error.is_squared:
            raise UserError(
                f"model.optimal_variance=true error={self.error.name}: only the squared error has a variance; use "
                "error=squared, or model.optimal_variance=false"
            )
        self.free_nats = free_nats
        self.capacity = capacity
        self.optimal_variance = optimal_variance

    def penalties(self, forward: Forward, generator: Generators = None) -> dict[str, Tensor]:
        found = {"penalty": self.kept(self.mean(self.unit_rates(forward.encoding), -2))} | self.of_drawn_code(forward)
        if self.optimal_variance:
            error = found.get("error_sampled")
            error = self.mean(self.cost(forward)) if error is None else error
            values = forward.x.shape[-1]
            found["log_error"] = 0.5 * values * (error / values).log() - error
        return found

    def kept(self, rates: Tensor) -> Tensor:
        """What the KL of each unit, averaged over the batch ``[..., H]``, costs, ``[...]``."""
        if self.free_nats:
            return rates.clamp(min=self.free_nats).sum(-1)
        if self.capacity is None:
            return rates.sum(-1)
        return (rates.sum(-1) - self.capacity * (self.progress if self.training else 1.0)).abs()

    def scale(self, error: Tensor, values: int) -> float | Tensor:
        return 2 * error / values if self.optimal_variance else super().scale(error, values)
