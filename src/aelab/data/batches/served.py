"""Values of the parts served as batches: in training order, or one after the other."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, Self

import pytorch_lightning as pl
import torch
from torch import Tensor

from aelab.data.batches.loader import Change, EpochOrder, Grouped, ResidentLoader
from aelab.objectives.batch import Layout


class Served(pl.LightningDataModule):
    """The part of a data module that Lightning and measurements ask for batches ``[B, D]``.

    ``values``: of each part ``[n, D]``. ``batch_size``: of training, in all processes. ``seed``: of the order.
    ``order``: of what is trained on; None: the training part. ``batches_per_step``: that Lightning gets at once.
    ``validated``: rows ``[K, n]`` of the validation part that each of K models is measured on; None: all on all.
    ``layout``: of batches that are more than examples (see Layout).
    """

    evaluation_batch_size = 1024
    batch_size: int
    seed: int
    values: dict[str, Tensor]
    order: EpochOrder | None = None
    batches_per_step = 1
    validated: Tensor | None = None
    layout: Layout | None = None

    def size(self, part: str) -> int:
        """Number of examples of ``train``, ``val`` or ``test``."""
        return len(self.values[part])

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        first = batch[0] if isinstance(batch, list) else batch
        return batch if first.device == device else super().transfer_batch_to_device(batch, device, dataloader_idx)

    def train_dataloader(self) -> Any:
        order = self.order or EpochOrder(torch.arange(self.size("train")), self.seed)
        part = next((part for part in ("fresh", "grey") if part in self.values), "train")
        loader = self._loader(part, order, self.batch_size)
        return loader if self.batches_per_step == 1 else Grouped(loader, self.batches_per_step)

    def view(self, rows: Tensor, seed: int | list[int], batches_per_step: int, change: Change = None) -> Self:
        """The same values, to train on these rows of the training part: ``[n]`` and a seed, or ``[K, n]`` and K seeds.

        ``batches_per_step``: that Lightning is given at a time. ``change``: of what is trained on (see EpochOrder).
        """
        view = copy.copy(self)
        view.order = EpochOrder(rows, seed, change)
        view.batches_per_step = batches_per_step
        return view

    def val_dataloader(self) -> Any:
        return self._in_order("val", self.validated)

    def test_dataloader(self) -> Any:
        """Test, then validation and training parts: the trained weights are measured on all three."""
        return [self._in_order(part) for part in ("test", "val", "train")]

    def batches(self, part: str, device: torch.device, rows: Tensor | None = None) -> Iterator[Tensor]:
        """A part, or these ``rows`` of it, in order, as the model sees it: floats ``[B, D]`` on a device."""
        return (self.on_after_batch_transfer(batch.to(device), 0) for batch in self._in_order(part, rows))

    def mean_weight(self, rows: Tensor | None = None) -> Tensor:
        """The mean of the weights of training examples, all or these ``rows``, float64."""
        weight = self.weights("train")
        assert weight is not None
        return (weight if rows is None else weight[rows.to(weight.device)]).mean()

    def weights(self, part: str, limit: int | None = None) -> Tensor | None:
        """What examples of a part, all or the ``chosen`` ones, count, float64 ``[n]``; None where all count alike."""
        if self.layout is None or not self.layout.weighted:
            return None
        weight = self._behind(part)[:, -1].double()
        return weight if limit is None else weight[self.chosen(part, limit).to(weight.device)]

    def chosen(self, part: str, limit: int | None = None) -> Tensor:
        """Rows of a part, long ``[n]``: all in order, or ``limit`` of them, always the same choice."""
        raise NotImplementedError

    def _behind(self, part: str) -> Tensor:
        return self.values[part]

    def _in_order(self, part: str, rows: Tensor | None = None) -> Any:
        rows = torch.arange(self.size(part)) if rows is None else rows
        return self._loader(part, rows, self.evaluation_batch_size)

    def _loader(self, part: str, order: EpochOrder | Tensor, batch_size: int) -> Any:
        """Batches of a part on the training device, this process's share of each."""
        trainer = self.trainer
        if trainer is None:
            return ResidentLoader(self.values[part], batch_size, order)
        device = trainer.strategy.root_device
        self.values[part] = self.values[part].to(device)
        return ResidentLoader(self.values[part], batch_size, order, trainer.global_rank, trainer.world_size)
