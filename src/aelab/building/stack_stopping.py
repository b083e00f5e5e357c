"""Early stopping of each run of a stack by itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint

from aelab.building.shares import STOPPING, Share, going
from aelab.models import Autoencoder
from aelab.runs.early_stopping import StopEarly


class StackStopping(Checkpoint):
    """Ends each run, which is one model, where ``StopEarly`` would end it alone.

    Its last state is written when it stops; what becomes of its member in the stack after that is nobody's. The fit
    itself ends when half of its runs have, so that the others go on in a smaller stack.

    A ``Checkpoint`` to Lightning, so that it runs after the epoch is logged and, listed before the real ones, before
    these are written. ``path``: of the stack's checkpoint.
    """

    def __init__(self, shares: Sequence[Share], patience: int, path: Path) -> None:
        self.shares = shares
        self.patience = patience
        self.path = path
        self.each: list[StopEarly] = []
        self.resumed: dict[str, dict[int, Any]] = {}
        self.validated = -1

    @property
    def state_key(self) -> str:
        return STOPPING

    def state_dict(self) -> dict[str, Any]:
        runs = {share.start: one.state_dict() for share, one in zip(self.shares, self.each, strict=True)}
        return {self.each[0].state_key: runs}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.resumed = state_dict

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, Autoencoder)
        self.each = [StopEarly(pl_module.monitor, self.patience) for _ in self.shares]
        for runs in self.resumed.values():
            for share, one in zip(self.shares, self.each, strict=True):
                one.load_state_dict(runs[share.start])

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.validated = trainer.current_epoch

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.validated != trainer.current_epoch:
            return
        assert isinstance(pl_module, Autoencoder)
        errors = pl_module.monitored(pl_module.latest).detach().float().cpu()  # as a run by itself logs them
        for share, one in zip(self.shares, self.each, strict=True):
            if not share.lost and share.stopped is None:
                share.ends, one.stopping_reason_message = one._evaluate_stopping_criteria(errors[share.start].clone())
                if share.ends:
                    one.stopped_epoch = trainer.current_epoch
        ending = [share for share in self.shares if share.ends]
        if ending:
            trainer.save_checkpoint(self.path)
        for share in ending:
            share.ends = False
            if not share.lost:
                share.stopped = trainer.current_epoch
        if ending and 2 * len(going(self.shares)) <= len(self.shares):
            trainer.should_stop = True
