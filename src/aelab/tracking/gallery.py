"""The callback that takes the pictures: always the same test examples, every few epochs and at the end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

from aelab.data.module import DataModule
from aelab.models import Autoencoder
from aelab.tracking import pictures

SCATTERED = 1000


class Gallery(Callback):
    """Keeps the latest pictures as PNG in ``directory`` and hands each to W&B where a run is live.

    ``every``: epochs between reconstructions; 0 only at the end, from the best weights.
    """

    def __init__(self, directory: Path, data: DataModule, every: int) -> None:
        self.directory = directory
        self.every = every
        self.shape = data.shape
        self.x = data.examples("test", limit=SCATTERED)
        chosen = data.chosen("test", SCATTERED).numpy()
        self.labels = np.asarray(data.labels["test"])[chosen] if "test" in data.labels else None
        spread = torch.linspace(0, len(self.x) - 1, min(pictures.EXAMPLES, len(self.x))).long()
        self.shown = self.x[spread]

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        due = self.every and (trainer.current_epoch + 1) % self.every == 0
        if due and trainer.is_global_zero and pictures.is_image(self.shape):
            self._keep(trainer, "reconstructions", self._reconstructions(pl_module))

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        assert isinstance(pl_module, Autoencoder)
        if pictures.is_image(self.shape):
            self._keep(trainer, "reconstructions", self._reconstructions(pl_module))
        filters = pictures.filters(pl_module)
        if filters is not None:
            self._keep(trainer, "filters", filters)
        x = self.x.to(next(pl_module.parameters()))
        code = pictures.code_figure(pl_module, x, self.labels)
        self._keep(trainer, "code", code)

    def _reconstructions(self, model: pl.LightningModule) -> np.ndarray:
        assert isinstance(model, Autoencoder)
        training = model.training
        model.eval()
        pixels = pictures.reconstructions(model, self.shown.to(next(model.parameters())), self.shape)
        model.train(training)
        return pixels

    def _keep(self, trainer: pl.Trainer, name: str, pixels: np.ndarray) -> None:
        logger = trainer.logger
        keep_picture(self.directory, name, pixels, self.shape, logger, trainer.current_epoch)


def keep_picture(
    directory: Path, name: str, pixels: np.ndarray, shape: tuple[int, ...], logger: object, epoch: int
) -> None:
    """Save a picture as PNG, tiles of small images enlarged, and hand it to W&B where a run is live."""
    path = directory / f"{name}.png"
    enlarge = 1 if name == "code" else max(1, 56 // shape[-1])
    if name.endswith("_map"):
        enlarge = max(1, 280 // shape[-1])
    pictures.save_png(path, pixels, enlarge)
    from pytorch_lightning.loggers import WandbLogger

    if isinstance(logger, WandbLogger):
        import wandb

        logger.experiment.log({f"pictures/{name}": wandb.Image(str(path)), "epoch": epoch})
