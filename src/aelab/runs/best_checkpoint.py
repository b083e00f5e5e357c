"""``best.ckpt``: the epoch with the lowest value of the model's ``monitor``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Checkpoint

from aelab.errors import UserError
from aelab.models.base.learner import Learner
from aelab.runs.checkpoints import load_checkpoint


class BestCheckpoint(Checkpoint):
    """Writes ``checkpoints/best.ckpt`` whenever the model's ``monitor`` is lower than ever before.

    Lightning's own ``ModelCheckpoint`` keeps absolute paths in every checkpoint and, where a run was moved between a
    kill and its resumption, forgets the best score without an error. This one keeps the score alone.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / "checkpoints" / "best.ckpt"
        self.score = torch.tensor(torch.inf)
        self.validated = -1

    # what Lightning's class was called in the checkpoints of earlier versions, which thus go on
    STATE_KEY = (
        "ModelCheckpoint{'monitor': 'val/error', 'mode': 'min', 'every_n_train_steps': 0, "
        "'every_n_epochs': 1, 'train_time_interval': None}"
    )

    @property
    def state_key(self) -> str:
        return self.STATE_KEY

    def state_dict(self) -> dict[str, Any]:
        return {"best_model_score": self.score}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        score = state_dict["best_model_score"]
        self.score = torch.tensor(torch.inf) if score is None else score

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.check()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.validated = trainer.current_epoch

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.validated != trainer.current_epoch or getattr(trainer, "fast_dev_run", False):
            return
        assert isinstance(pl_module, Learner)
        score = pl_module.monitored(trainer.callback_metrics).detach().cpu()
        if trainer.strategy.reduce_boolean_decision(bool(score < self.score)):
            self.score = score.clone()
            trainer.save_checkpoint(self.path)

    def restore(self, model: Learner) -> bool:
        """Give the model the weights of the best epoch; whether there was one."""
        if self.check():
            model.load_state_dict(load_checkpoint(self.path)["state_dict"])
        return bool(self.score.isfinite())

    def check(self) -> bool:
        """Whether an epoch was the best so far; UserError where its weights were taken away since."""
        if not self.score.isfinite():
            return False
        if not self.path.is_file():
            raise UserError(
                f"{self.path}: the best weights, of {self.score:.4g} on validation, were removed while the run was not "
                "done; start it over with force=true"
            )
        return True
