"""metrics.jsonl: one row an epoch, appended, never replaced. W&B is a mirror of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint

from aelab.tracking.atomic import write_whole

if TYPE_CHECKING:
    from aelab.tracking.mirror import Mirror


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


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Rows of a metrics file; a line torn by a crash is left out."""
    rows = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and isinstance(row.get("epoch"), int):
            rows.append(row)
    return rows


def mean_history(paths: Sequence[Path], weights: Sequence[int]) -> list[dict[str, Any]]:
    """Rows of several metrics files as one: the weighted mean of every metric, epoch by epoch."""
    gathered: dict[int, list[tuple[int, dict[str, Any]]]] = {}
    for path, weight in zip(paths, weights, strict=True):
        for row in read_rows(path):
            gathered.setdefault(row["epoch"], []).append((weight, row))
    rows = []
    for epoch, parts in sorted(gathered.items()):
        total = sum(weight for weight, _ in parts)
        names = [name for name in parts[0][1] if all(name in row for _, row in parts)]
        rows.append(
            {name: sum(weight * row[name] for weight, row in parts) / total for name in names} | {"epoch": epoch}
        )
    return rows


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Replace a metrics file."""
    write_whole(path, "".join(json.dumps(row) + "\n" for row in rows))
