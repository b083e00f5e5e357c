"""Autoencoder with an L2 penalty on its weights, uniform or its own for every code unit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from aelab.errors import UserError
from aelab.models.base.autoencoder import Autoencoder, Forward
from aelab.objectives.penalties import squared_weights
from aelab.objectives.randomness import Generators


class WeightDecayAutoencoder(Autoencoder):
    """Adds ``weight * sum ||W||_F^2`` over the weights (no biases) of encoder and decoder; tied ones count once.

    The error is a mean over examples, so ``weight`` is the papers' lambda divided by their number. A linear
    autoencoder then ends at ``A = B'`` with singular values ``s_i^2 = 1 - weight / lambda_i``, lambda_i the variances
    of the principal components, B's left singular vectors (Kunin et al. 2019).

    ``unit_weights``: factors u_i, one a code unit, on the weights that enter and leave it: the penalty of one linear
    layer each way is ``weight * sum_i u_i (||A_i||^2 + ||B_i||^2)``. Where they differ the code's axes are the
    principal components themselves, the largest at the smallest u_i (Bao et al. 2020, whose factors are the
    square roots).
    """

    unit_weights: Tensor | None
    unused = ()

    def __init__(self, *args: Any, unit_weights: Sequence[float] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        size = self.network.code_size
        if unit_weights is not None and self.network.code_weights() is None:
            raise UserError(
                "model.unit_weights: factors on the weights that leave each code unit, and this network has none; use "
                "network=mlp or network=linear"
            )
        if unit_weights is not None and (len(unit_weights) != size or min(unit_weights) < 0):
            raise UserError(
                f"model.unit_weights={list(unit_weights)}: must be {size} numbers of 0 or more, one for each code unit "
                f"(network.code_size={size})"
            )
        factors = None if unit_weights is None else torch.tensor(list(unit_weights), dtype=torch.float64)
        self.paddable = factors is None
        self.register_buffer("unit_weights", factors, persistent=False)

    def decay_of_units(self) -> Tensor:
        """The weight of ``||A_i||^2 + ||B_i||^2`` for each code unit, float64 ``[H]``."""
        factors = torch.ones(self.network.code_size) if self.unit_weights is None else self.unit_weights
        return self.weight * factors.double()

    def penalties(self, forward: Forward, generator: Generators = None) -> dict[str, Tensor]:
        return {"penalty": self._squared_weights(forward.encoding.code.ndim - 2)}

    def _squared_weights(self, replicas: int) -> Tensor:
        """Sum of the squares of all weights, each by its unit's factor, ``[...]``."""
        network = self.network
        total = squared_weights((*network.encoder_layers, *network.decoder_layers, *network.given_layers), replicas)
        if self.unit_weights is None:
            return total
        by_unit = network.encoder_layers[-1].weight.square().sum(-1)
        if not network.tied:
            leaving = network.code_weights()
            assert leaving is not None
            by_unit = by_unit + leaving.square().sum(-2)
        return total + ((self.unit_weights.to(by_unit) - 1) * by_unit).sum(-1)
