"""The one recipe by which anything is fitted: members trained together, each as if it were alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from omegaconf import DictConfig
from pytorch_lightning.callbacks import Callback
from torch import Tensor

from aelab.building.augmenting import augmentation_of
from aelab.building.build import (
    INITIALIZATION_EXAMPLES,
    build_model,
    build_trainer,
    check_optimizer,
    joined_steps,
    searches,
)
from aelab.building.settling import settle
from aelab.data.batches.several import in_own_rows, several
from aelab.data.module import DataModule
from aelab.errors import UserError
from aelab.models import Autoencoder
from aelab.objectives import Error
from aelab.replicas.best import BestWeights
from aelab.replicas.chunking import lowers_on_plateau
from aelab.replicas.rates import give_rates
from aelab.replicas.stacking import lone_state, stack
from aelab.runs.best_checkpoint import BestCheckpoint
from aelab.runs.fit_files import FitFiles, files_of_run
from aelab.runs.follower import Follower
from aelab.runs.history import History
from aelab.runs.picture_callback import PictureCallback

State = dict[str, Tensor]
NO_MEMORY = ("out of memory", "allocate memory")  # as PyTorch says it of GPUs and of the CPU


class Member(NamedTuple):
    """One model of a fit. ``rows``: of the training part, long ``[n]``; None: all. ``seed``: instead of the config's.
    ``data``: its own, with as many examples in each part as those of the fit; None: those of the fit.

    Members of one fit may differ in the seed, the rows (not their number), the code size, the learning rate and the
    hyperparameters that the variant and the corruption list as ``varying``.
    """

    config: DictConfig
    rows: Tensor | None = None
    seed: int | None = None
    data: DataModule | None = None


def build_member(member: Member, data: DataModule, error: Error | None = None) -> Autoencoder:
    """A member's model with its initial weights. ``error``: instead of that of its config."""
    data = member.data or data
    settle(member.config, data)
    rows = data.wide_rows("train", limit=INITIALIZATION_EXAMPLES)
    model = build_model(member.config, data.shape, rows, error, member.seed, data.layout)
    if data.layout is not None and data.layout.weighted:
        model.mean_weight = data.mean_weight(member.rows)
    return model


class Fit:
    """Members with their model, data and trainer, built and ready to ``run``.

    ``model``: the member's own where there is one, whose parameters have no leading axis, since a stack of one costs
    12 % more; else a stack. ``data``: what it trains on, a view of what was given. ``best``: keeps the weights of each
    member's best epoch. ``directory``: of the run's checkpoints and history. ``files``: instead, where the members
    are of several runs. With neither nothing is written and shown.

    Raises UserError where the model, the optimiser or the trainer cannot be built, or members cannot share a stack.
    """

    def __init__(
        self,
        members: Sequence[Member],
        data: DataModule,
        best: BestCheckpoint | BestWeights,
        directory: Path | None = None,
        callbacks: Sequence[Callback] = (),
        error: Error | None = None,
        files: FitFiles | None = None,
    ) -> None:
        config = members[0].config
        self.members = list(members)
        self.lone = [build_member(member, data, error) for member in members]
        check_optimizer(config, self.lone[0])
        self.model = self._together()
        steps = joined_steps(config, data)
        self.model.searching = searches(config)
        self.model.automatic_optimization = steps == 1
        self.data = self._view(data, steps)
        self.best = best
        on_disk = best if isinstance(best, BestCheckpoint) else None
        self.files = files_of_run(directory, on_disk) if directory else files
        self.trainer = build_trainer(config, self.files, callbacks if on_disk else [best, *callbacks])

    def follow(self, follower: Follower | None) -> None:
        """Let somebody show what is recorded from now on."""
        for callback in self.trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, (History, PictureCallback)):
                callback.follower = follower

    def _together(self) -> Autoencoder:
        if len(self.lone) == 1:
            return self.lone[0]
        model = stack(self.lone)
        rates = [member.config.optimizer.get("lr") for member in self.members]
        give_rates(model, rates, lowers_on_plateau(self.members[0].config))
        return model

    def _view(self, data: DataModule, steps: int) -> DataModule:
        rows = [torch.arange(data.size("train")) if member.rows is None else member.rows for member in self.members]
        data, starts = several([member.data or data for member in self.members])
        seeds = [member.config.data.seed if member.seed is None else member.seed for member in self.members]
        change = augmentation_of(self.members[0].config, data)
        if len(rows) == 1:
            return data.view(rows[0], seeds[0], steps, change)
        return data.view(torch.stack(rows) + starts[:, None], seeds, steps, in_own_rows(change, starts))

    def run(self) -> None:
        """Train, from the last checkpoint in the directory where there is one. Raises DivergedError."""
        resumed = self.files.last() if self.files else None
        try:
            self.trainer.fit(self.model, datamodule=self.data, ckpt_path=resumed, weights_only=True)
        except RuntimeError as error:
            if not any(words in str(error) for words in NO_MEMORY):
                raise
            batch = self.data.batch_size
            members = len(self.members)
            together = f" and {members} models at once" if members > 1 else ""
            smaller = f"data.batch_size={max(1, batch // 2)}"
            raise UserError(
                f"data.batch_size={batch}: a batch of examples of {' x '.join(map(str, self.data.shape))} values"
                f"{together} does not fit the memory of {self.model.device}; use {smaller}, or a smaller network"
            ) from error

    def keep_best(self) -> bool:
        """Give the model the best weights of each member; whether there are any."""
        return self.best.restore(self.model)

    def test(self) -> None:
        """Measure the weights on all parts: ``model.latest`` has each member's metrics, the trainer their means."""
        self.model.eval()
        self.model.latest.clear()  # what was measured of other weights, in training, is not theirs
        self.trainer.test(self.model, datamodule=self.data, verbose=False)

    def states(self) -> list[State]:
        """The weights of each member as those of a model of its own."""
        if len(self.lone) == 1:
            return [{name: value.clone() for name, value in self.model.state_dict().items()}]
        return [lone_state(self.model, index, like) for index, like in enumerate(self.lone)]
