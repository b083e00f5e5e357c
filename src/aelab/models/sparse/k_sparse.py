"""k-sparse autoencoder: only the k largest code values survive."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from aelab.errors import UserError
from aelab.models.base.autoencoder import Autoencoder
from aelab.models.base.learner import Encoding
from aelab.objectives.randomness import Generators


def keep_largest(code: Tensor, k: int) -> Tensor:
    """Codes ``[..., H]`` with all but the k largest values of each set to 0."""
    if k >= code.shape[-1]:
        return code
    values, index = code.topk(k, dim=-1)
    return torch.zeros_like(code).scatter(-1, index, values)


class KSparseAutoencoder(Autoencoder):
    """Linear encoder, the k largest values kept (Makhzani & Frey 2013).

    ``k``: values kept, None for half of the code. ``alpha``: outside training ``alpha * k`` are kept (1 to 3 in the
    paper). ``anneal``: share of the epochs over which k falls linearly from the code size to ``k`` in training; 0 keeps
    k from the start.
    ``train/dead_units`` is the share of units that no training example of the epoch used.
    """

    used: Tensor
    paddable = False  # k falls from the code size, which padding would change

    def __init__(
        self, *args: Any, k: int | None = None, alpha: float = 1.0, anneal: float = 0.5, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        k = max(1, self.network.code_size // 2) if k is None else k
        if not 1 <= k <= self.network.code_size:
            raise UserError(f"model.k={k}: must be between 1 and network.code_size={self.network.code_size}")
        if not 1 <= alpha <= self.network.code_size / k:
            raise UserError(f"model.alpha={alpha}: must be at least 1, and alpha * k at most {self.network.code_size}")
        if not 0 <= anneal <= 1:
            raise UserError(f"model.anneal={anneal}: must be a share of the epochs between 0 and 1")
        self.k = k
        self.tested_k = round(alpha * k)
        self.anneal = anneal
        self.annealed_k = k
        self.register_buffer("used", torch.zeros(self.network.code_size, dtype=torch.bool))

    def infer(self, x: Tensor, generator: Generators = None) -> Encoding:
        code = super().infer(x, generator).code
        return Encoding(keep_largest(code, self.annealed_k if self.training else self.tested_k))

    def observe(self, encoding: Encoding) -> None:
        self.used |= self.across((encoding.code != 0).any(-2).float(), "max").bool()

    def on_train_start(self) -> None:
        super().on_train_start()
        self._set_k()  # an epoch that is resumed does not start

    def on_train_epoch_start(self) -> None:
        super().on_train_epoch_start()
        self.used.zero_()
        self._set_k()

    def _set_k(self) -> None:
        epochs = max(self.trainer.max_epochs or 0, 0) * self.anneal  # -1, no last epoch: k from the start
        left = max(0.0, 1 - self.current_epoch / epochs) if epochs else 0.0
        self.annealed_k = self.k + round((self.network.code_size - self.k) * left)

    def on_train_epoch_end(self) -> None:
        super().on_train_epoch_end()
        self.note("train/dead_units", (~self.used).float().mean(-1))
