"""Weights that rise over the training: warm-up, and warm-up again and again."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from aelab.errors import UserError
from aelab.models.base.autoencoder import Autoencoder


class WarmedUp(Autoencoder):
    """``weight`` rises linearly from 0 over ``warmup``, a share of the epochs (Bowman et al. 2016; Sonderby et al.
    2016), anew in each of ``cycles`` (Fu et al. 2019). What is measured has the whole weight."""

    def __init__(self, *args: Any, warmup: float = 0.0, cycles: int = 1, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not 0 <= warmup <= 1:
            raise UserError(f"model.warmup={warmup}: must be a share of the epochs between 0 and 1")
        if cycles < 1:
            raise UserError(f"model.cycles={cycles}: must be at least 1")
        self.warmup = warmup
        self.cycles = cycles
        self.progress = 1.0  # of the training, from 0 to 1

    def factor(self, name: str, penalty: Tensor) -> float | Tensor:
        return super().factor(name, penalty) * (self.warmed() if name == "penalty" else 1.0)

    def warmed(self) -> float:
        """The share of the weight that counts by now."""
        if not self.warmup or not self.training:
            return 1.0
        within = self.progress * self.cycles % 1 if self.progress < 1 else 1.0
        return min(1.0, within / self.warmup)

    def on_train_start(self) -> None:
        super().on_train_start()
        self._set_progress()  # an epoch that is resumed does not start

    def on_train_epoch_start(self) -> None:
        super().on_train_epoch_start()
        self._set_progress()

    def _set_progress(self) -> None:
        epochs = self.trainer.max_epochs or 0
        self.progress = self.current_epoch / epochs if epochs > 0 else 1.0  # -1, no last epoch: as at the end
