"""A model as evaluations and scores take it: arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from aelab.errors import UserError
from aelab.models import Autoencoder

CHUNK = 4096  # examples that are encoded at once


class ModelCoder:
    """A model in evaluation mode as a coder of arrays, which its preprocessing has gone through already.

    ``precision``: of the model and of the arrays that it takes.
    """

    def __init__(self, model: Autoencoder, name: str, precision: type = np.float32) -> None:
        self.model = model
        self.name = name
        self.precision = precision
        self.code_size: int = model.network.code_size

    def encode(self, x: np.ndarray) -> np.ndarray:
        """Examples ``[N, D]`` to codes ``[N, H]``; UserError where they are not finite."""
        code = self._chunked(self.model.encode, x)
        if not np.isfinite(code).all():
            raise UserError(f"{self.name}: its codes are NaN or infinite; train it again with a lower optimizer.lr")
        return code

    def decode(self, code: np.ndarray) -> np.ndarray:
        return self._chunked(self.model.decode, code)

    def reconstruct(self, x: np.ndarray) -> np.ndarray:
        return self._chunked(self.model.reconstruct, x)

    @torch.no_grad()
    def _chunked(self, function: Callable[[Tensor], Tensor], x: np.ndarray) -> np.ndarray:
        values = torch.from_numpy(np.ascontiguousarray(x, dtype=self.precision))
        return torch.cat([function(part.to(self.model.device)).cpu() for part in values.split(CHUNK)]).numpy()
