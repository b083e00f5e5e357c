"""A bar over epochs on a terminal; silence elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

UPDATES_PER_EPOCH = 20


class Progress(Callback):
    """Shows epochs done, the latest value of the monitor and the time left; costs nothing a step worth measuring."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("epoch {task.completed:.0f}/{task.total:.0f}  {task.fields[error]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not (trainer.is_global_zero and Console(stderr=True).is_terminal),
            transient=True,
        )
        name = trainer.default_root_dir.rstrip("/").rpartition("/")[2]
        self.task = self.bar.add_task(name, total=trainer.max_epochs, completed=trainer.current_epoch, error="")
        self.every = max(1, int(trainer.num_training_batches) // UPDATES_PER_EPOCH)
        self.bar.start()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        if (batch_idx + 1) % self.every == 0:
            part = (batch_idx + 1) / trainer.num_training_batches
            self.bar.update(self.task, completed=trainer.current_epoch + part)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        monitor = getattr(pl_module, "monitor", "val/error")
        error = trainer.callback_metrics.get(monitor)
        if error is not None and hasattr(self, "bar"):
            self.bar.update(self.task, error=f"{monitor} {error:.4g}")

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.bar.stop()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        if hasattr(self, "bar"):
            self.bar.stop()


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Show on a terminal what is being done and for how long."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Bar(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        bar.add_task(what, total=None)
        yield
