"""ReLU and L1: the plain sparse autoencoder with a dictionary."""

from __future__ import annotations

from torch import Tensor

from aelab.models.dictionary.base import DictionaryAutoencoder


class ReLUL1Autoencoder(DictionaryAutoencoder):
    """``h = ReLU(z)``; adds ``weight * sum_j h_j ||d_j||`` (Bricken et al. 2023; the norms: Templeton et al. 2024).

    With ``unit_norm`` the norms are 1. The penalty shrinks every activation, the true ones as well.
    """

    unused = ()

    def sparse(self, z: Tensor) -> Tensor:
        return z.relu()

    def sparsity(self, z: Tensor, code: Tensor) -> Tensor:
        return self.mean((code if self.unit_norm else code * self.column_norms().unsqueeze(-2)).sum(-1))
