"""A fully connected autoencoder of examples less their mean, which is itself a value of the code."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from aelab.errors import UserError
from aelab.networks.mlp import MLP
from aelab.networks.network import Linearization


class CentredMLP(MLP):
    """``code = (m, f(x - m))`` and ``r = g(code without m) + m``, m the mean over the values of x.

    For patches of pictures, whose brightness is most of their variance and says nothing about the rest (the DC
    component that sparse coding and denoising take away, e.g. Elad & Aharon 2006): the network that is learned need
    not carry it. ``code_size`` counts m, its first value. The model's ``code_activation`` must let m pass: identity, or
    relu where means are positive.
    """

    is_chain = False
    conditional = False

    def __init__(
        self,
        shape: Sequence[int],
        code_size: int,
        hidden: Sequence[int] = (),
        activation: str = "relu",
        tied: bool = False,
    ) -> None:
        if code_size < 2:
            raise UserError(f"network.code_size={code_size}: must be at least 2, as one value is the example's mean")
        super().__init__(shape, code_size - 1, hidden, activation, tied)
        self.code_size = code_size

    def features(self, x: Tensor) -> Tensor:
        """Of the example less its mean, which is no feature but a value of the code."""
        return super().features(x - x.mean(-1, keepdim=True))

    def code_of(self, features: Tensor, x: Tensor) -> Tensor:
        mean = x.mean(-1, keepdim=True)
        code = self.encoder_layers[-1](features)
        return torch.cat([mean.expand(*code.shape[:-1], 1), code], -1)

    def decode(self, code: Tensor) -> Tensor:
        return super().decode(code[..., 1:]) + code[..., :1]

    def code_weights(self) -> Tensor | None:
        return None  # the code's first value is a mean and has none

    def linearize(self, x: Tensor) -> Linearization | None:
        return None

    def jacobian_cost(self) -> float:
        return 1 + self.code_size  # one vector-Jacobian product a code value
