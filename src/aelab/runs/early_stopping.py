"""Early stopping that a run remembers."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import EarlyStopping
from pytorch_lightning.callbacks.early_stopping import EarlyStoppingReason

STILL_GOING = EarlyStoppingReason.NOT_STOPPED.value


class StopEarly(EarlyStopping):
    """Ends the training after ``patience`` epochs without a lower value of ``monitor``.

    A run that was killed between its last epoch and its test trains no further epoch when it goes on.
    """

    def __init__(self, monitor: str, patience: int) -> None:
        super().__init__(monitor, patience=patience, mode="min")

    @property
    def state_key(self) -> str:
        return state_key(self.monitor)

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.stopping_reason.value != STILL_GOING:
            trainer.should_stop = True


def state_key(monitor: str) -> str:
    """Under which a checkpoint has its state: what Lightning's own class is called there."""
    return f"EarlyStopping{{'monitor': {monitor!r}, 'mode': 'min'}}"


def is_early_stopping(key: str) -> bool:
    """Whether a checkpoint has under this the state of early stopping."""
    return key.startswith("EarlyStopping{")


def has_stopped(checkpoint: dict[str, Any]) -> bool:
    """Whether the run of a checkpoint has come to its end early."""
    callbacks = checkpoint.get("callbacks") or {}
    states = [state for key, state in callbacks.items() if is_early_stopping(key)]
    return any(state.get("stopping_reason", STILL_GOING) != STILL_GOING for state in states)
