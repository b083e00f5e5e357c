"""A run that is interrupted at a chosen epoch."""

from __future__ import annotations

import os
import signal

import pytest
import pytorch_lightning as pl

from aelab.runs.history import History


def interrupt_after(epoch: int, monkeypatch: pytest.MonkeyPatch, terminated: bool = False) -> None:
    """Ctrl-C when the row of ``epoch`` is written and its checkpoint is not, or a SIGTERM at that moment."""
    append = History.on_train_epoch_end

    def interrupted(self: History, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        append(self, trainer, module)
        if trainer.current_epoch == epoch:
            if not terminated:
                raise KeyboardInterrupt
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(History, "on_train_epoch_end", interrupted)
