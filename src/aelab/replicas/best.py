"""Each replica's weights of its own best epoch, as a lone run keeps them in best.ckpt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from torch import Tensor

from aelab.models import Autoencoder


class BestWeights(Callback):
    """Remembers, for every replica of a stack, the state at the lowest value of its ``monitor``.

    ``errors``: that lowest value of each replica, ``[K]``, infinite for one that never had a finite one.
    ``single``: the replicas whose values are compared in single precision, as those of a run that is one model are; its
    own file of them has no more.
    """

    def __init__(self, single: Sequence[bool] = ()) -> None:
        self.single = torch.tensor(single, dtype=torch.bool)
        self.errors: Tensor | None = None
        self.state: dict[str, Tensor] = {}

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, Autoencoder)
        errors = pl_module.monitored(pl_module.latest).detach().clone().nan_to_num(nan=float("inf"))
        if len(self.single):
            errors = torch.where(self.single.to(errors.device), errors.float().to(errors), errors)
        if self.errors is None:
            self.errors = errors
            self.state = {k: v.clone() for k, v in pl_module.state_dict().items()}
            return
        better = errors < self.errors.to(errors)
        if better.any():
            self.errors = torch.where(better, errors, self.errors.to(errors))
            for name, value in pl_module.state_dict().items():
                self.state[name] = self.state[name].to(value.device)
                self.state[name][better] = value[better]

    def restore(self, model: Autoencoder) -> bool:
        """Give the model these weights; whether there are any."""
        if self.state:
            model.load_state_dict(self.state)
        return bool(self.state)

    def finite(self) -> list[bool]:
        """Whether each replica ever had a finite one."""
        assert self.errors is not None
        return [bool(error.isfinite()) for error in self.errors.reshape(-1)]

    def state_dict(self) -> dict[str, Any]:
        return {"errors": self.errors, "state": self.state}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.errors = state_dict["errors"]
        self.state = state_dict["state"]
