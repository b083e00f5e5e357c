"""JumpReLU: a sparse autoencoder that learns each unit's threshold."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from aelab.errors import UserError
from aelab.models.dictionary.base import DictionaryAutoencoder


class JumpReLUAutoencoder(DictionaryAutoencoder):
    """``h_j = z_j`` where ``z_j > theta_j``, else 0; adds ``weight * L0(h)`` (Rajamanoharan et al. 2024b).

    Neither has a useful derivative with respect to theta; a rectangular kernel of width ``bandwidth`` = eps around it
    stands in: ``dh/dtheta = -theta/eps``, ``dL0/dtheta = -1/eps`` where ``|z - theta| < eps/2`` (eq. 11, 12), in
    expectation the derivatives of the expected loss as eps goes to 0. ``threshold``: the thetas at the start.
    """

    unused = ()

    def __init__(self, *args: Any, threshold: float = 0.5, bandwidth: float = 0.5, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for key, value in (("threshold", threshold), ("bandwidth", bandwidth)):
            if value <= 0:
                raise UserError(f"model.{key}={value}: must be above 0")
        self.bandwidth = bandwidth
        self.log_threshold = nn.Parameter(torch.full((self.network.code_size,), math.log(threshold)))

    def threshold(self) -> Tensor:
        """theta ``[..., H]``."""
        return self.log_threshold.exp()

    def sparse(self, z: Tensor) -> Tensor:
        theta = self.threshold().unsqueeze(-2)
        return torch.where(z > theta, z, 0.0) - _slope(theta, self._near(z, theta) * theta)

    def sparsity(self, z: Tensor, code: Tensor) -> Tensor:
        theta = self.threshold().unsqueeze(-2)
        return self.mean(((z > theta).to(z.dtype) - _slope(theta, self._near(z, theta))).sum(-1))

    def _near(self, z: Tensor, theta: Tensor) -> Tensor:
        return ((z - theta).abs() < self.bandwidth / 2) / self.bandwidth


def _slope(theta: Tensor, slope: Tensor) -> Tensor:
    """0, with the derivative ``slope`` with respect to theta."""
    return slope.detach() * (theta - theta.detach())
