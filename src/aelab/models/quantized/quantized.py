"""What variants share whose codes are chosen from a finite number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from aelab.errors import UserError
from aelab.models.base.autoencoder import Autoencoder, Forward


class QuantizedCode(Autoencoder):
    """Codes in groups of values, each group one of ``entries`` codewords; of a part ``indices``, long
    ``[..., B, S, G]``: which codeword each of G groups has in each of S codebooks. ``words``: S and G.

    Metrics of validation and test: ``used``, ``perplexity`` and ``rate`` over the whole part (ReconstructionMetrics).
    """

    unused: tuple[str, ...] = ()
    paddable = False  # padding would be quantised
    differentiable = False
    quantized = True
    entries: int
    words: tuple[int, int]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.code_activation_name != "identity":
            raise UserError(
                f"model.code_activation={self.code_activation_name}: a codeword may have any value; use "
                "model.code_activation=identity"
            )

    @staticmethod
    def group_size(settings: Mapping[str, Any]) -> int:
        """The values of one codeword, by a config's settings."""
        raise NotImplementedError

    def _check_groups(self, setting: str, size: int, repair: str) -> None:
        """UserError where a code is not whole groups of so many values, which ``setting`` asked for."""
        code_size = self.network.code_size // self.network.code_places
        if code_size % size:
            raise UserError(
                f"{setting} network.code_size={code_size}: a code is whole groups of {size} values; use "
                f"network.code_size={-(-code_size // size) * size}, or {repair}"
            )

    def indices(self, x: Tensor) -> Tensor:
        """Which codewords inputs ``[..., B, D]`` have, long ``[..., B, S, G]``."""
        with self.batch(x) as batch:
            return self.infer(self.filled(batch.x)).parts["indices"]

    def snapped(self, code: Tensor) -> Tensor:
        """The nearest codes ``[..., B, H]`` that are made of codewords, of any values of that shape."""
        raise NotImplementedError

    def beside(self, forward: Forward) -> dict[str, Tensor]:
        taken = forward.encoding.parts["indices"].transpose(-3, -2).flatten(-2)
        counts = torch.zeros(*taken.shape[:-1], self.entries, dtype=torch.float64, device=taken.device)
        each = torch.ones_like(taken, dtype=torch.float64)
        if self.counts is not None:
            each = each * self.counts.double().repeat_interleave(taken.shape[-1] // self.counts.shape[-1], -1)
        counts.scatter_add_(-1, taken, each)
        return super().beside(forward) | {"usage": counts.unsqueeze(-1)}
