"""Checkpoints: the last epoch and the best by val/error, written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.plugins.io import TorchCheckpointIO

from aelab.errors import UserError

_PARTS = {"state_dict", "pytorch-lightning_version"}


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


def checkpoint_callbacks(directory: Path) -> list[ModelCheckpoint]:
    """``best.ckpt`` by val/error, then ``last.ckpt``, at the end of every epoch."""
    common: dict[str, Any] = {
        "dirpath": directory / "checkpoints",
        "save_on_train_epoch_end": True,
        "enable_version_counter": False,
        "auto_insert_metric_name": False,
    }
    return [
        ModelCheckpoint(filename="best", monitor="val/error", mode="min", save_top_k=1, **common),
        ModelCheckpoint(filename="last", save_top_k=1, **common),
    ]


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
