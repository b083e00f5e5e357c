"""Winner-take-all autoencoder: each unit keeps only the examples of a batch that move it most."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from aelab.errors import UserError
from aelab.models.base.autoencoder import Autoencoder
from aelab.models.base.learner import Encoding
from aelab.objectives.randomness import Generators


class WinnerTakeAllAutoencoder(Autoencoder):
    """ReLU encoder with lifetime sparsity (Makhzani & Frey 2015, FC-WTA).

    In training each unit keeps the ``share`` of its activations that are largest across the batch (at least one), the
    others are 0, and no unit can die. At validation and test nothing is cut: codes are features, and the error
    says little, since the decoder has never seen as many active units; do not select by it.
    """

    takes_weights = False  # which examples win depends on how many a batch has

    def __init__(self, *args: Any, share: float = 0.05, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not 0 < share <= 1:
            raise UserError(f"model.share={share}: must be above 0, at most 1")
        self.share = share

    def infer(self, x: Tensor, generator: Generators = None) -> Encoding:
        code = super().infer(x, generator).code
        return Encoding(keep_winners(code, max(1, round(self.share * code.shape[-2]))) if self.training else code)


def keep_winners(code: Tensor, count: int) -> Tensor:
    """Codes ``[..., B, H]`` with all but the ``count`` largest values of each unit over the batch set to 0."""
    values, index = code.topk(count, dim=-2)
    return torch.zeros_like(code).scatter(-2, index, values)
