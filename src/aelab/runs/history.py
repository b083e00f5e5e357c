"""metrics.jsonl: one row an epoch, appended, never replaced. W&B is a mirror of it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint

from aelab.errors import UserError
from aelab.runs.claim import check_owned
from aelab.runs.follower import Follower
from aelab.runs.history_file import read_rows, write_rows


class History(Checkpoint):
    """Appends the epoch's metrics to ``metrics.jsonl``, and to the mirror of it.

    A ``Checkpoint`` to Lightning, so that it runs after the model has logged the epoch and, listed before the
    real checkpoints, before they are written: a checkpoint of epoch e finds its row on disk. Rows beyond the
    checkpoint a run resumes from are dropped at its start, since those epochs are trained again.

    Raises UserError where somebody else removes or changes the file, once its rows are put back.
    """

    def __init__(self, path: Path, follower: Follower | None = None) -> None:
        self.path = path
        self.follower = follower
        self.validated = -1
        self.rows: list[dict[str, Any]] = []
        self.written: tuple[int, int] | None = None

    @property
    def state_key(self) -> str:
        return "history"

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.is_global_zero:
            self.begin(trainer.current_epoch)

    def begin(self, epoch: int) -> None:
        """Keep the rows of the epochs before this one."""
        self.rows = [row for row in read_rows(self.path) if row["epoch"] < epoch]
        lacking = set(range(epoch)) - {row["epoch"] for row in self.rows}
        if lacking:
            raise UserError(
                f"{self.path}: the rows of {len(lacking)} epochs, from epoch {min(lacking)} on, are gone; bring the "
                "file back, or start the run over with force=true"
            )
        self._write()
        if self.follower:
            self.follower.epochs()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.validated = trainer.current_epoch

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        row: dict[str, Any] = {"epoch": trainer.current_epoch, "step": trainer.global_step}
        metrics = trainer.callback_metrics  # an epoch that was not validated finds the values of one before it there
        fresh = self.validated == trainer.current_epoch
        self.append(row | {name: x.item() for name, x in metrics.items() if fresh or not name.startswith("val/")})

    def append(self, row: dict[str, Any]) -> None:
        """Write a row and show it."""
        check_owned(self.path)
        self._check()
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        self.rows.append(row)
        self.written = self._mark()
        if self.follower:
            self.follower.epoch(row)

    def _check(self) -> None:
        """Whether the file is still as it was left."""
        if self._mark() == self.written:
            return
        self._write()
        raise UserError(
            f"{self.path}: was removed or changed by somebody else while the run was writing it; its rows are put "
            "back, and the same command goes on"
        )

    def _write(self) -> None:
        write_rows(self.path, self.rows)
        self.written = self._mark()

    def _mark(self) -> tuple[int, int] | None:
        """Which file it is, and how long; None where there is none."""
        try:
            found = os.stat(self.path)
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_size
