"""What a checkpoint within an epoch needs beside Lightning's: generators and sums of the epoch under way."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

from aelab.errors import UserError
from aelab.models import Autoencoder
from aelab.models.base.learner import RANK_STRIDE
from aelab.models.base.processes import process_rank
from aelab.objectives.randomness import NOISE, epoch_seed, generators_of

KEY = "epoch_under_way"


class EpochState(Callback):
    """Makes a run that was stopped within an epoch go on as if it had not been.

    Every random stream of aelab's own starts anew at each epoch, from (seed, epoch); so do, here, the global
    ones of python, numpy and torch, for the sake of variants that draw from them. A checkpoint at the end of an
    epoch thus needs no state of theirs, and one within an epoch keeps it for each process, with the noise's
    generators and the epoch's sums. The global streams are given back as they were found.
    """

    def __init__(self) -> None:
        self.found: dict[str, Any] | None = None
        self.resumed: list[dict[str, Any]] = []

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, Autoencoder)
        self.found = global_states()
        self.resumed, states = [], self.resumed
        if not states or not trainer.fit_loop.restarted_mid_epoch:
            return
        if len(states) != trainer.world_size:
            raise UserError(
                f"trainer.devices: this run was interrupted within an epoch on {len(states)} processes and has "
                f"{trainer.world_size} now; resume it with trainer.devices={len(states)}, or start over with force=true"
            )
        mine = states[process_rank()]
        pl_module.step_means.load_state_dict(mine["means"])
        pl_module.start_noise()
        for generator, state in zip(generators_of(pl_module.generator), mine["noise"], strict=True):
            generator.set_state(state)
        self.pending = mine["global"]

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, Autoencoder)
        first = pl_module.seed if isinstance(pl_module.seed, int) else pl_module.seed[0]
        seed = epoch_seed(first + RANK_STRIDE * process_rank(), trainer.current_epoch, NOISE)
        random.seed(seed)
        np.random.seed(seed % 2**32)
        torch.manual_seed(seed)

    pending: dict[str, Any] | None = None

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if self.pending:  # what Lightning does on the way here may have drawn from them
            set_global_states(self.pending)
            self.pending = None

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._give_back()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        self._give_back()

    def _give_back(self) -> None:
        if self.found:
            set_global_states(self.found)
            self.found = None

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        assert isinstance(pl_module, Autoencoder)
        if not pl_module.step_means.counts:  # between epochs
            return
        mine = {
            "global": global_states(),
            "noise": [generator.get_state() for generator in generators_of(pl_module.generator)],
            "means": pl_module.step_means.state_dict(),
        }
        states: list[Any] = [mine]
        if trainer.world_size > 1:
            states = [None] * trainer.world_size
            torch.distributed.all_gather_object(states, mine)
        checkpoint[KEY] = states

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        self.resumed = checkpoint.get(KEY, [])


def global_states() -> dict[str, Any]:
    """States of the global random streams, as tensors and plain containers."""
    name, keys, *rest = np.random.get_state()
    states: dict[str, Any] = {
        "python": list(random.getstate()),
        "numpy": [name, torch.from_numpy(np.asarray(keys).astype(np.int64)), *rest],
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_initialized():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def set_global_states(states: dict[str, Any]) -> None:
    """Put the global random streams where ``global_states`` found them."""
    version, internal, gauss = states["python"]
    random.setstate((version, tuple(internal), gauss))
    name, keys, *rest = states["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))
    torch.set_rng_state(states["torch"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])
