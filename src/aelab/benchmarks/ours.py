"""Our own path, from a config to the optimiser's steps, with a stopwatch on the epochs."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import hydra
import pytorch_lightning as pl
from omegaconf import DictConfig
from pytorch_lightning.callbacks import Callback

from aelab.building.build import build_data
from aelab.building.fit import Fit, Member
from aelab.config.objects import conf_dir
from aelab.fitting.replication import Replication
from aelab.runs.best_checkpoint import BestCheckpoint
from aelab.runs.identity import register_resolver
from aelab.runs.picture_callback import PictureCallback

BARE = ("+trainer.limit_val_batches=0", "callbacks.pictures_every=0")


def compose(*overrides: str) -> DictConfig:
    """The config of ``scripts/train.py`` with these overrides and no W&B."""
    register_resolver()
    with hydra.initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return hydra.compose("train", ["logger=none", *overrides])


class Stopwatch(Callback):
    """CPU seconds from the start of each epoch to the start of the next, or the end of the training."""

    def __init__(self) -> None:
        self.marks: list[float] = []

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.marks.append(time.process_time())

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.marks.append(time.process_time())

    def seconds_per_step(self, steps: int) -> float:
        """Mean over all epochs but the first, of ``steps`` optimiser steps each."""
        return (self.marks[-1] - self.marks[1]) / (len(self.marks) - 2) / steps


def train_case(*overrides: str, everything: bool = False, sizes: Sequence[int] = ()) -> Callable[[], float]:
    """Seconds per optimiser step of ``trainer.fit``; ``everything``: validation, checkpoints and pictures too.

    With ``replicas=...`` all of them train in one stack; those of every code size in ``sizes``, as in a sweep.
    """
    config = compose(*overrides, *(() if everything else BARE))
    data = build_data(config)
    members = []
    for size in sizes or [config.network.code_size]:
        one = compose(*overrides, *(() if everything else BARE), f"network.code_size={size}")
        if config.replicas.name != "none":
            replication = Replication(one, Path())
            members += replication.members(range(replication.count))
    steps = -(-data.size("train") // data.batch_size)

    def run() -> float:
        stopwatch = Stopwatch()
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            gallery = [PictureCallback(folder, data, config.callbacks.pictures_every)] if everything else []
            Fit(members or [Member(config)], data, BestCheckpoint(folder), folder, [stopwatch, *gallery]).run()
        return stopwatch.seconds_per_step(steps)

    return run
