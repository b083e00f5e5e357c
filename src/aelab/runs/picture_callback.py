"""The callback that takes the pictures: always the same test examples, every few epochs and at the end."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from aelab.data.module import DataModule
from aelab.models import Autoencoder
from aelab.runs import pictures
from aelab.runs.code_history import EXAMPLES as FOLLOWED
from aelab.runs.code_history import drawn_history, keep_code
from aelab.runs.error_pictures import error_sheet
from aelab.runs.follower import Follower
from aelab.runs.pictures import epoch_pictures
from aelab.runs.text_pictures import SHOWN, texts_again

SCATTERED = 1000


class PictureCallback(Callback):
    """Keeps the latest pictures of a run as PNG in ``directory``/pictures, and for W&B those of every shown epoch.

    ``every``: epochs between reconstructions; 0 only at the end, from the best weights.
    """

    def __init__(self, directory: Path, data: DataModule, every: int, follower: Follower | None = None) -> None:
        self.directory = directory
        self.data = data
        self.every = every
        self.follower = follower
        self.shown = data.wide_rows("test", limit=pictures.EXAMPLES)
        self.followed = data.wide_rows("test", limit=_limit(data, FOLLOWED)) if every else self.shown

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        due = self.every and (trainer.current_epoch + 1) % self.every == 0
        if (due or (self.every and not trainer.current_epoch)) and trainer.is_global_zero:
            assert isinstance(pl_module, Autoencoder)
            training = pl_module.training
            pl_module.eval()
            keep_code(self.directory, pl_module, self.followed.to(next(pl_module.parameters())), trainer.current_epoch)
            pl_module.train(training)
        if due and trainer.is_global_zero and pictures.is_image(self.data.shape):
            assert isinstance(pl_module, Autoencoder)
            training = pl_module.training
            pl_module.eval()
            shown = self.shown.to(next(pl_module.parameters()))
            path = self._keep("reconstructions", pictures.reconstructions(pl_module, shown, self.data.shape))
            pl_module.train(training)
            if self.follower:
                kept = epoch_pictures(self.directory) / f"{path.stem}-{trainer.current_epoch:06d}.png"
                kept.parent.mkdir(exist_ok=True)
                shutil.copyfile(path, kept)

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.is_global_zero:
            assert isinstance(pl_module, Autoencoder)
            sheets = model_pictures(pl_module, self.data)
            history = drawn_history(
                self.directory, pl_module.network.code_size, _labels(self.data, _limit(self.data, FOLLOWED))
            )
            sheets |= {} if history is None else {"code_epochs": history}
            kept = [self._keep(name, pixels) for name, pixels in sheets.items()]
            if self.follower:
                self.follower.epochs()  # a run that was killed after its last epoch has logged none of them now
                self.follower.pictures(kept)

    def _keep(self, name: str, pixels: np.ndarray) -> Path:
        return keep_picture(self.directory, name, pixels, self.data.shape)


def model_pictures(model: Autoencoder, data: DataModule) -> dict[str, np.ndarray]:
    """Reconstructions, filters and errors, of images, or texts written again, and the codes of test examples."""
    sheets = {}
    parameter = next(model.parameters())
    if pictures.is_image(data.shape):
        shown = data.wide_rows("test", limit=pictures.EXAMPLES).to(parameter)
        sheets["reconstructions"] = pictures.reconstructions(model, shown, data.shape)
    if data.preprocessing.vocabulary is not None:
        shown = data.wide_rows("test", limit=SHOWN).to(parameter.device)
        sheets["texts"] = texts_again(model, shown, data.preprocessing.vocabulary)
    filters = pictures.filters(model)
    if filters is not None:
        sheets["filters"] = filters
    limit = _limit(data, SCATTERED)
    some = data.wide_rows("test", limit=limit).to(parameter)
    if pictures.is_image(data.shape):
        sheets["errors"] = error_sheet(model, some, data.shape)
    sheets["code"] = pictures.code_figure(model, some, _labels(data, limit))
    return sheets


def _limit(data: DataModule, most: int) -> int:
    """How many examples are shown: of large ones fewer."""
    return max(pictures.EXAMPLES, min(most, 4 * pictures.VALUES // math.prod(data.shape)))


def _labels(data: DataModule, limit: int) -> np.ndarray | None:
    return np.asarray(data.labels["test"])[data.chosen("test", limit).numpy()] if "test" in data.labels else None


def keep_picture(directory: Path, name: str, pixels: np.ndarray, shape: tuple[int, ...]) -> Path:
    """Save a picture of a run as PNG, tiles of small images enlarged."""
    path = directory / "pictures" / f"{name}.png"
    pictures.save_png(path, pixels, 1 if pixels.shape[-1] == 4 else max(1, 56 // shape[-1]))
    return path
