"""Contractive autoencoder: a code that hardly moves when the input does."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from aelab.errors import UserError
from aelab.models.base.autoencoder import Autoencoder, Forward
from aelab.objectives import jacobian
from aelab.objectives.randomness import Generators

AFFORDABLE = 3.0  # times a plain training step; beyond it the penalty is estimated in training


class ContractiveAutoencoder(Autoencoder):
    """Adds ``weight * ||J_f(x)||_F^2``, J_f the Jacobian of the whole encoder (Rifai et al. 2011).

    Computed exactly wherever that is cheap: one layer in closed form, one hidden layer with a linear code as
    a quadratic form, other chains of layers where their cost, ``1 + code * sum(h_l h_(l-1)) / parameters`` of
    a plain step, is at most 3. Otherwise an unbiased estimate from ``probes`` vectors trains the network.
    Validation and test always report the exact value.

    ``method``: ``auto``, ``exact`` or ``probe`` in training.
    """

    unused = ()

    def __init__(self, *args: Any, method: str = "auto", probes: int = 1, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if method not in ("auto", "exact", "probe"):
            raise UserError(f"model.method={method}: choose auto, exact or probe")
        if not 1 <= probes <= self.network.code_size:
            raise UserError(f"model.probes={probes}: must be between 1 and network.code_size")
        if self.error.kind == "symbols":
            raise UserError(
                f"model=contractive error={self.error.name}: symbols do not move by a little, so that there is no "
                "Jacobian; use model=undercomplete, or an error of numbers"
            )
        self.probes = probes
        self.estimated = method == "probe" or (method == "auto" and self._exact_cost() > AFFORDABLE)

    def _exact_cost(self) -> float:
        depth = len(self.network.hidden)
        quadratic = depth == 1 and self.code_activation_name == "identity"
        return 2.2 if quadratic and self.network.is_chain else self.network.jacobian_cost()

    def corrupt(self, x: Tensor, generator: Generators = None) -> Tensor:
        seen = super().corrupt(x, generator)
        return seen.detach().requires_grad_() if self._estimates() else seen

    def penalties(self, forward: Forward, generator: Generators = None) -> dict[str, Tensor]:
        seen = forward.seen
        code = forward.encoding.code
        if self._estimates():
            return {"penalty": jacobian.probe_estimate(code, seen, self.probes, generator, self.mean)}
        return {"penalty": self.exact_penalty(seen, code)}

    def _estimates(self) -> bool:
        return self.estimated and self.training and torch.is_grad_enabled()

    def exact_penalty(self, x: Tensor, code: Tensor) -> Tensor:
        """The exact penalty ``[...]`` at inputs ``[..., B, D]`` with codes ``[..., B, H]``."""
        linear = self.network.linearize(x)
        if linear is None:
            return jacobian.exact_by_rows(self.encode, x.expand(*code.shape[:-1], x.shape[-1]), self.mean)
        slope = None
        if self.code_activation_name != "identity":
            slope = self.code_activation.slope(linear.code, code)
        if not linear.slopes:
            return jacobian.one_layer(linear.weights[0], torch.ones_like(code) if slope is None else slope, self.mean)
        if len(linear.slopes) == 1 and slope is None:
            return jacobian.one_hidden_layer(linear.weights, linear.slopes[0], self.mean)
        return jacobian.chain(linear.weights, linear.slopes, slope, self.mean)
