"""TopK and BatchTopK: sparse autoencoders whose number of active units is set, not penalised."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from aelab.errors import UserError
from aelab.models.base.learner import Encoding
from aelab.models.dictionary.base import DictionaryAutoencoder
from aelab.models.sparse.k_sparse import keep_largest


class TopKAutoencoder(DictionaryAutoencoder):
    """``h = ReLU(TopK(z))``: the k largest of each example (Makhzani & Frey 2013; Gao et al. 2024)."""

    k: int
    unused = ("weight", "rate")

    def __init__(self, *args: Any, k: int = 8, **kwargs: Any) -> None:
        super().__init__(*args, k=k, **kwargs)

    def sparse(self, z: Tensor) -> Tensor:
        return keep_largest(z, self.k).relu()


class BatchTopKAutoencoder(TopKAutoencoder):
    """The ``k * B`` largest of a batch of B examples (Bussmann et al. 2024): an example gets as many as it needs.

    Outside training a code must not depend on its neighbours: there, what exceeds a threshold stays, an exponential
    average with ``momentum`` of the smallest activation that training batches kept.
    """

    takes_weights = False  # which units are kept depends on how many examples a batch has
    threshold: Tensor

    def __init__(self, *args: Any, momentum: float = 0.99, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not 0 <= momentum < 1:
            raise UserError(f"model.momentum={momentum}: must be at least 0 and below 1")
        self.momentum = momentum
        self.register_buffer("threshold", torch.tensor(-1.0))  # below 0: no batch seen

    def sparse(self, z: Tensor) -> Tensor:
        if not self.training:
            return torch.where(z >= self.threshold[..., None, None], z, 0.0).relu()
        return keep_largest(z.relu().flatten(-2), self.k * z.shape[-2]).unflatten(-1, z.shape[-2:])

    def observe(self, encoding: Encoding) -> None:
        super().observe(encoding)
        kept = torch.where(encoding.code > 0, encoding.code, torch.inf)
        lowest = self.across(kept.amin((-2, -1)), "min").to(self.threshold)
        average = torch.where(self.threshold < 0, lowest, self.threshold.lerp(lowest, 1 - self.momentum))
        self.threshold.copy_(torch.where(lowest.isfinite(), average, self.threshold))
