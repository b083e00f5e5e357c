"""A bar over epochs on a terminal and in a notebook; silence elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from rich.console import Console
from rich.progress import Progress as Rich
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

from aelab.machines.bar import Bar

UPDATES_PER_EPOCH = 20


class Progress(Callback):
    """Shows epochs done, the latest value of the monitor and the time left; costs nothing a step worth measuring."""

    bar: Bar | None = None
    error = ""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.is_global_zero:
            name = trainer.default_root_dir.rstrip("/").rpartition("/")[2]
            self.bar = Bar(name, trainer.max_epochs or 1)
            self.every = max(1, int(trainer.num_training_batches) // UPDATES_PER_EPOCH)
            self._show(trainer, 0.0)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        if self.bar and (batch_idx + 1) % self.every == 0:
            self._show(trainer, (batch_idx + 1) / trainer.num_training_batches)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        monitor = getattr(pl_module, "monitor", "val/error")
        error = trainer.callback_metrics.get(monitor)
        if error is not None:
            self.error = f"{monitor} {error:.4g}"

    def _show(self, trainer: pl.Trainer, part: float) -> None:
        if self.bar:
            done = trainer.current_epoch + part
            self.bar.show(done, f"epoch {done:.0f}/{trainer.max_epochs}  {self.error}")

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.bar:
            self.bar.close()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        if self.bar:
            self.bar.close()


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Show on a terminal what is being done and for how long."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Rich(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        bar.add_task(what, total=None)
        yield
