"""Checkpoints: the last epoch and the best by val/error, written whole or not at all."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Checkpoint, ModelCheckpoint
from pytorch_lightning.plugins.io import TorchCheckpointIO

from aelab.errors import UserError

_PARTS = {"state_dict", "pytorch-lightning_version"}

SECONDS_BETWEEN = 1.0


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes to a temporary file, syncs it and renames it, so that a full disk or a kill costs nothing old."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        target = Path(path)
        temporary = target.with_name(f".{target.name}.part")  # what a kill leaves of it, the next write replaces
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
        except (OSError, RuntimeError) as error:
            temporary.unlink(missing_ok=True)
            raise UserError(
                f"{target}: could not be written ({error}); free some space and run the same command again "
                "(the checkpoint before it is intact)"
            ) from error


class LastCheckpoint(Checkpoint):
    """``last.ckpt``: at the end of an epoch, at most one a second and always the last epoch's.

    A small network's epoch takes a few milliseconds, a checkpoint as much; more often buys nothing.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / "checkpoints" / "last.ckpt"
        self.saved = float("-inf")

    @property
    def state_key(self) -> str:
        return "last"

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        ends = trainer.should_stop or trainer.current_epoch + 1 == trainer.max_epochs
        ends |= 0 <= trainer.max_steps <= trainer.global_step
        due = trainer.strategy.broadcast(ends or time.monotonic() - self.saved >= SECONDS_BETWEEN)
        if due and not getattr(trainer, "fast_dev_run", False):
            trainer.save_checkpoint(self.path)
            self.saved = time.monotonic()


def best_checkpoint(directory: Path) -> ModelCheckpoint:
    """``best.ckpt``: the epoch of the lowest val/error."""
    return ModelCheckpoint(
        dirpath=directory / "checkpoints",
        filename="best",
        monitor="val/error",
        mode="min",
        save_on_train_epoch_end=True,
        enable_version_counter=False,
    )


def load_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint as tensors and plain containers; nothing in it is executed.

    Raises UserError where it is missing, torn or holds anything else.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such checkpoint; train the run first")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(checkpoint, dict) or not set(checkpoint) >= _PARTS:
            raise ValueError(f"it lacks {', '.join(sorted(_PARTS))}")
        return checkpoint
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"{path}: corrupt or not a checkpoint of aelab ({reason}); remove it, or start over with force=true"
        ) from error
