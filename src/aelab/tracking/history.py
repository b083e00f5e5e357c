"""metrics.jsonl: one row an epoch, appended, never replaced. W&B is a mirror of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint

from aelab.tracking.mirror import Mirror
from aelab.tracking.rows import read_rows, write_rows


class History(Checkpoint):
    """Appends the epoch's metrics to ``metrics.jsonl``, and to the mirror of it.

    A ``Checkpoint`` to Lightning, so that it runs after the model has logged the epoch and, listed before the
    real checkpoints, before they are written: a checkpoint of epoch e finds its row on disk. Rows beyond the
    checkpoint a run resumes from are dropped at its start, since those epochs are trained again.
    """

    def __init__(self, path: Path, mirror: Mirror | None = None) -> None:
        self.path = path
        self.mirror = mirror
        self.validated = -1

    @property
    def state_key(self) -> str:
        return "history"

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        kept = [row for row in read_rows(self.path) if row["epoch"] < trainer.current_epoch]
        write_rows(self.path, kept)
        if self.mirror:
            self.mirror.epochs()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.validated = trainer.current_epoch

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        row: dict[str, Any] = {"epoch": trainer.current_epoch, "step": trainer.global_step}
        metrics = trainer.callback_metrics  # an epoch that was not validated finds the values of one before it there
        fresh = self.validated == trainer.current_epoch
        row |= {name: value.item() for name, value in metrics.items() if fresh or not name.startswith("val/")}
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        if self.mirror:
            self.mirror.epoch(row)
