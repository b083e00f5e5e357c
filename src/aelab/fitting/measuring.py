"""How long a fit will take on this machine, from its first steps; nothing is written."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig
from pytorch_lightning.callbacks import Callback

from aelab.building.build import build_data
from aelab.building.fit import Fit, Member
from aelab.data.module import DataModule
from aelab.fitting.replication import Replication
from aelab.fitting.stacks import Companion
from aelab.replicas.best import BestWeights

ENOUGH_S = 1.5
"""Seconds of training that are measured, after a first batch that is always slower; at least three batches."""


class Cost(NamedTuple):
    """Of one fit of ``models``: seconds of training, and bytes, this process's peak or the GPU's."""

    seconds: float
    memory: float
    models: int


def cost_of_stack(stack: Sequence[Companion]) -> Cost:
    """Of runs that are fitted together."""
    return _cost([member for companion in stack for member in companion.members], stack[0].data)


def cost_of_run(config: DictConfig, directory: Path) -> Cost:
    """Of a run that is fitted by itself, chunk after chunk where it has several."""
    if config.replicas.name == "none":
        return _cost([Member(config)], build_data(config))
    replication = Replication(config, directory)
    first = _cost(replication.members(replication.chunks[0]), replication.data)
    times = sum(map(len, replication.chunks)) / len(replication.chunks[0])
    return first._replace(seconds=first.seconds * times, models=sum(map(len, replication.chunks)))


def _cost(members: Sequence[Member], data: DataModule) -> Cost:
    clock = _Clock()
    fit = Fit(members, data, BestWeights(), callbacks=[clock])
    if members[0].config.trainer.max_epochs:
        with suppress(_Enough):
            fit.run()
    return Cost(clock.seconds(fit.trainer), _memory(), len(members))


def _memory() -> float:
    if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        return float(torch.cuda.max_memory_allocated())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak if sys.platform == "darwin" else peak * 1024)


class _Enough(BaseException):
    """Enough has been measured. No Exception, so that nobody records a failure."""


class _Clock(Callback):
    """When batches and epochs end."""

    def __init__(self) -> None:
        self.batches: list[float] = []
        self.epochs: list[float] = []

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        self.batches.append(time.perf_counter())
        if len(self.batches) >= 4 and self._took_long():
            raise _Enough

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.epochs.append(time.perf_counter())
        if len(self.epochs) >= 3 and self._took_long():
            raise _Enough

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.epochs.append(time.perf_counter())

    def _took_long(self) -> bool:
        return self.batches[-1] - self.batches[0] > ENOUGH_S

    def seconds(self, trainer: pl.Trainer) -> float:
        """Of all epochs: by whole ones, validation and all, where there were any after the first; else by batches."""
        epochs = trainer.max_epochs or 0
        if len(self.epochs) > 2:
            return (self.epochs[-1] - self.epochs[1]) / (len(self.epochs) - 2) * epochs
        if len(self.batches) < 2:
            return 0.0 if not self.epochs else (self.epochs[-1] - self.epochs[0]) * epochs
        each = (self.batches[-1] - self.batches[0]) / (len(self.batches) - 1)
        return each * int(trainer.num_training_batches) * epochs
