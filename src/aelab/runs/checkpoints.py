"""Checkpoints, written whole or not at all and read only if whole, and the last state of a run."""

from __future__ import annotations

import logging
import os
import time
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Checkpoint
from pytorch_lightning.plugins.io import TorchCheckpointIO

from aelab.config.quoted import first_sentence
from aelab.errors import UserError
from aelab.machines.interruption import Interrupted, current
from aelab.machines.regular_files import open_inside
from aelab.runs.claim import check_owned

log = logging.getLogger(__name__)

LAST = "last.ckpt"
BEFORE = "before.ckpt"
_PARTS = {"state_dict", "pytorch-lightning_version"}

SECONDS_BETWEEN = 1.0  # at the end of an epoch: a small network's takes milliseconds, as its checkpoint does
SECONDS_WITHIN_EPOCH = 15.0
SHARE_OF_TIME = 0.05  # that checkpoints may take
BATCHES_BETWEEN_AGREEMENTS = 8  # of several processes, on whether to save or stop


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes to a temporary file, syncs it and renames it, so that a full disk or a kill costs nothing old.

    ``last.ckpt`` becomes ``before.ckpt`` once its successor is whole.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        target = Path(path)
        check_owned(target)
        temporary = target.with_name(f".{target.name}.part")  # what a kill leaves of it, the next write replaces
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
            if target.name == LAST and target.exists():
                os.replace(target, target.with_name(BEFORE))
            os.replace(temporary, target)
            sync(target.parent)
        except (OSError, RuntimeError) as error:
            temporary.unlink(missing_ok=True)
            raise UserError(
                f"{target}: could not be written ({error}); free some space and run the same command again "
                "(the checkpoint before it is intact)"
            ) from error


def sync(path: Path) -> None:
    """Make a file's content, or the names in a directory, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class LastCheckpoint(Checkpoint):
    """``last.ckpt``, and ``before.ckpt``, the one before it, in case the last was torn.

    Written at the end of an epoch, at most one a second and always the last epoch's; within a long epoch every
    15 seconds; and where a batch ends after a signal came, which stops the training. Never more often than
    lets checkpoints take a twentieth of the time.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / "checkpoints" / LAST
        self.saved = time.monotonic()
        self.took = 0.0

    @property
    def state_key(self) -> str:
        return "last"

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        if trainer.precision == "64-true":  # Lightning would load the weights first, and so round them to 32 bits
            pl_module.double()

    def on_sanity_check_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        _signals_are_ours()

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        _signals_are_ours()
        self.saved = time.monotonic()
        current().in_batches = True

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        _signals_are_ours()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        alone = trainer.world_size == 1
        if not alone and (batch_idx + 1) % BATCHES_BETWEEN_AGREEMENTS:
            return
        if trainer.fit_loop.epoch_loop.batch_progress.is_last_batch:  # the end of the epoch is near
            return
        if alone and current().signum is None and time.monotonic() - self.saved < SECONDS_WITHIN_EPOCH:
            return
        self._save_or_stop(trainer, SECONDS_WITHIN_EPOCH)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        ends = trainer.should_stop or trainer.current_epoch + 1 == trainer.max_epochs
        ends |= 0 <= trainer.max_steps <= trainer.global_step
        self._save_or_stop(trainer, 0.0 if ends else SECONDS_BETWEEN)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        current().in_batches = False
        if trainer.is_global_zero and self.path.exists():
            self.path.with_name(BEFORE).unlink(missing_ok=True)
        if current().signum is not None:
            raise Interrupted(current().signum or 0)

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        current().in_batches = False

    def _save_or_stop(self, trainer: pl.Trainer, seconds: float) -> None:
        """Save where that is due; save and stop where any of the processes was asked to."""
        due = time.monotonic() - self.saved >= max(seconds, self.took / SHARE_OF_TIME if seconds else 0)
        signum = current().signum or 0
        if trainer.world_size > 1:
            wishes = torch.tensor([due, signum], device=trainer.strategy.root_device)
            due, signum = trainer.strategy.reduce(wishes, reduce_op="max").tolist()
        if (due or signum) and not getattr(trainer, "fast_dev_run", False):
            began = time.monotonic()
            rows = self.path.parents[1] / "metrics.jsonl"
            if trainer.is_global_zero and rows.exists():
                sync(rows)  # a checkpoint must find the rows of all epochs before it
            trainer.save_checkpoint(self.path)
            self.saved = time.monotonic()
            self.took = self.saved - began
        if signum:
            raise Interrupted(signum)


def _signals_are_ours() -> None:
    """Lightning has just put its own handlers in their place; between processes its SIGTERM waits for ever."""
    if current().before:
        current().install()


def load_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint as tensors and plain containers; nothing in it is executed.

    Raises UserError where it is missing, torn, changed in as little as a bit, or holds anything else.
    """
    try:
        with open_inside(path.parents[1], path.parent.name, path.name) as file:
            _check_sums(file)
            checkpoint = torch.load(file, map_location="cpu", weights_only=True)
        if not isinstance(checkpoint, dict) or not set(checkpoint) >= _PARTS:
            raise ValueError(f"it lacks {', '.join(sorted(_PARTS))}")
        return checkpoint
    except FileNotFoundError:
        raise UserError(f"{path}: no such checkpoint; train the run again with force=true") from None
    except Exception as error:
        reason = first_sentence(error)  # PyTorch goes on with how to load it all the same
        raise UserError(
            f"{path}: corrupt or not a checkpoint of aelab ({reason}); start over with force=true"
        ) from error


def _check_sums(file: BinaryIO) -> None:
    """Raise an error where a part of the archive is not what its checksum says; torch itself does not look."""
    with zipfile.ZipFile(file) as archive:
        damaged = archive.testzip()
    file.seek(0)
    if damaged is not None:
        raise ValueError(f"{damaged} in it does not match its checksum")


def last_intact(directory: Path) -> Path | None:
    """The checkpoint a run goes on from: ``last.ckpt``, or the one before where a crash has torn it.

    None where there is none. Raises UserError where none of them can be read.
    """
    problem = None
    for path in (directory / "checkpoints" / name for name in (LAST, BEFORE)):
        if not path.exists():
            continue
        try:
            load_checkpoint(path)
        except UserError as error:
            problem = problem or error
            continue
        if problem:
            log.warning("%s; going on from %s, the checkpoint before it", problem, path)
        return path
    if problem:
        raise problem
    return None
