"""What a stack whose members belong to several runs keeps on disk: each run's files, as if it were fitted alone."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, Checkpoint
from torch import Tensor

from aelab.building.shares import Share, cut, going, join
from aelab.building.stack_stopping import StackStopping
from aelab.data.module import DataModule
from aelab.models import Autoencoder
from aelab.replicas.best import BestWeights
from aelab.replicas.measuring import curves_of
from aelab.runs import pictures
from aelab.runs.checkpoints import LAST, AtomicCheckpointIO, LastCheckpoint, load_checkpoint, sync
from aelab.runs.fit_files import FitFiles
from aelab.runs.history import History
from aelab.runs.picture_callback import keep_picture
from aelab.runs.pictures import epoch_pictures


def files_of_stack(
    directory: Path, shares: Sequence[Share], parts: Sequence[dict[str, Any]], patience: int | None = None
) -> FitFiles:
    """Those of the runs whose members make a stack, in their order.

    ``directory``: the sweep's, in which nothing is written. ``parts``: the runs' checkpoints where they go on.
    ``patience``: of early stopping.
    """
    place = directory / f"{len(shares)} runs in a stack"
    last = place / "checkpoints" / LAST if parts else None
    stopping = [] if patience is None else [StackStopping(shares, patience, place / "checkpoints" / LAST)]
    callbacks: list[Callback] = [StackHistory(shares), *stopping, LastCheckpoint(place)]
    return FitFiles(place, callbacks, StackCheckpointIO(shares, parts), lambda: last, ends_early=False)


class StackCheckpointIO(AtomicCheckpointIO):
    """Writes a stack's checkpoint as those of its runs, and reads these as the stack's."""

    def __init__(self, shares: Sequence[Share], parts: Sequence[dict[str, Any]]) -> None:
        self.shares = shares
        self.parts = parts

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        ending = [share for share in self.shares if share.ends]
        for share in ending or going(self.shares):
            with share.risking_itself():
                part = cut(checkpoint, share)
                if share.alone:
                    self._save_best(checkpoint, part, share)
                sync(share.directory / "metrics.jsonl")  # a checkpoint must find the rows of all epochs before it
                super().save_checkpoint(part, share.directory / "checkpoints" / LAST)

    def _save_best(self, whole: dict[str, Any], part: dict[str, Any], share: Share) -> None:
        best = whole["callbacks"][BestWeights().state_key]
        score = float("inf") if best["errors"] is None else best["errors"][share.start].item()
        if score < share.best:
            own = {key: value for key, value in part.items() if key not in ("optimizer_states", "loops", "callbacks")}
            weights = own | {"state_dict": share.state(best["state"])}
            super().save_checkpoint(weights, share.directory / "checkpoints" / "best.ckpt")
            share.best = score

    def load_checkpoint(self, path: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        best = [
            load_checkpoint(share.directory / "checkpoints" / "best.ckpt")["state_dict"] if share.alone else {}
            for share in self.shares
        ]
        return join(self.parts, best, self.shares)


class StackHistory(Checkpoint):
    """Appends each run's metrics of the epoch to its ``metrics.jsonl``; a run that has diverged is left as it was."""

    def __init__(self, shares: Sequence[Share]) -> None:
        self.shares = shares
        self.histories = [History(share.directory / "metrics.jsonl", share.follower) for share in shares]
        self.curves: list[dict[str, Tensor]] = [{} for _ in shares]

    @property
    def state_key(self) -> str:
        return "stack_history"

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        for share, history in zip(self.shares, self.histories, strict=True):
            with share.risking_itself():
                history.begin(trainer.current_epoch)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.curves = [{} for _ in self.shares]

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, Autoencoder)
        for data in distinct(self.shares):
            of_it = [number for number, share in enumerate(self.shares) if share.data is data]
            followed = [number for number in of_it if self.shares[number].follows_variance]
            if not followed:
                continue
            groups = [list(range(self.shares[n].start, self.shares[n].stop)) for n in followed]
            sets = [self.shares[n].data_sets for n in followed]
            batches = data.batches("val", pl_module.device)
            for number, values in zip(followed, curves_of(batches, pl_module, groups, sets), strict=True):
                self.curves[number] = values

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, Autoencoder)
        place = {"epoch": trainer.current_epoch, "step": trainer.global_step}
        for share, history, curves in zip(self.shares, self.histories, self.curves, strict=True):
            if share.lost or share.stopped is not None:
                continue
            values = pl_module.latest | pl_module.noted
            own = {name: _of(share, value) for name, value in values.items()} | curves
            finite = own["train/loss"].isfinite() & own.get(pl_module.monitor, own["train/error"]).isfinite()
            if not finite.any():  # fitted alone, it tells so
                share.lost = True
                continue
            with share.risking_itself():
                history.append(place | {name: value.nanmean().float().item() for name, value in own.items()})
        if not going(self.shares):
            trainer.should_stop = True


def distinct(shares: Sequence[Share]) -> list[DataModule]:
    """What runs train on, each once."""
    return list({id(share.data): share.data for share in shares}.values())


def _of(share: Share, value: Tensor) -> Tensor:
    return value[share.start : share.stop] if value.ndim else value


class StackPictures(Callback):
    """Keeps for W&B the pictures of test examples and their reconstructions by each run that is one model.

    ``every``: epochs between them.
    """

    def __init__(self, shares: Sequence[Share], every: int) -> None:
        self.shares = [share for share in shares if share.alone and share.in_wandb]
        self.every = every
        self.shown = {id(share.data): share.data.wide_rows("test", limit=pictures.EXAMPLES) for share in shares}

    @torch.no_grad()
    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        due = self.shares and self.every and (trainer.current_epoch + 1) % self.every == 0
        if not due or not pictures.is_image(self.shares[0].data.shape):
            return
        assert isinstance(pl_module, Autoencoder)
        training = pl_module.training
        pl_module.eval()
        left = going(self.shares)
        for data in distinct(left):
            shown = self.shown[id(data)].to(next(pl_module.parameters()))
            own = [share for share in left if share.data is data]
            self._keep(trainer.current_epoch, pl_module.apart(shown).x, pl_module.reconstruct(shown), own)
        pl_module.train(training)

    def _keep(self, epoch: int, shown: Tensor, outputs: Tensor, shares: Sequence[Share]) -> None:
        for share in shares:
            with share.risking_itself():
                sheet = pictures.pairs(shown, outputs[share.start], share.data.shape)
                path = keep_picture(share.directory, "reconstructions", sheet, share.data.shape)
                kept = epoch_pictures(share.directory) / f"{path.stem}-{epoch:06d}.png"
                kept.parent.mkdir(exist_ok=True)
                shutil.copyfile(path, kept)
