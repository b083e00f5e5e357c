"""Little momentum while the weights are young, more after that."""

from __future__ import annotations

from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler


class MomentumSwitch(LRScheduler):
    """Momentum ``first`` for ``epochs`` epochs, then ``final`` (Hinton & Salakhutdinov 2006)."""

    def __init__(self, optimizer: Optimizer, first: float = 0.5, final: float = 0.9, epochs: int = 5) -> None:
        self.first = first
        self.final = final
        self.epochs = epochs
        super().__init__(optimizer)

    def get_lr(self) -> list[Any]:
        for group in self.optimizer.param_groups:
            group["momentum"] = self.first if self.last_epoch < self.epochs else self.final
        return [group["lr"] for group in self.optimizer.param_groups]
