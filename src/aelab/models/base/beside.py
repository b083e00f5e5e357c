"""What a batch has beside its examples: values that the network is given, and weights, by which means are made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from aelab.models.base.learner import Learner
from aelab.networks import Network
from aelab.objectives.batch import Batch, Layout


class Beside(Learner):
    """``layout``: of rows that are more than an example; None: batches are examples, and nothing here costs anything.

    ``takes_given``: whether its network may be given values beside an example. ``takes_weights``: whether what it adds
    to the error is a mean over examples, which weights may weigh. ``mean_weight``: of the training examples, where they
    have some. ``counts``: the weights of the batch under way, ``[..., B]``; ``counted``: those of the last one.
    """

    network: Network
    takes_given = True
    takes_weights = True
    layout: Layout | None = None
    mean_weight: Tensor | None

    def __init__(
        self,
        optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.Adam,
        scheduler: Callable[..., Any] | None = None,
        seed: int | list[int] = 0,
    ) -> None:
        super().__init__(optimizer, scheduler, seed)
        self.register_buffer("mean_weight", None, persistent=False)
        self.counts: Tensor | None = None
        self.counted: Tensor | None = None

    def apart(self, x: Tensor) -> Batch:
        return Batch(x) if self.layout is None else self.layout.apart(x)

    @contextmanager
    def batch(self, rows: Tensor) -> Iterator[Batch]:
        """What rows ``[..., B, D]``, with what is given behind the values, are made of; within, the network is given
        that. Of examples whose given values are held already, the examples."""
        if self.layout is None or self.network.holds:
            yield Batch(rows)
            return
        batch = self.layout.apart(rows)
        before = self.counts
        self.counts = batch.weight
        try:
            with self.network.holding(batch.given):
                yield batch
        finally:
            self.counts = before

    def mean(self, values: Tensor, axis: int = -1) -> Tensor:
        """The mean over the examples of a batch, which stand along an axis counted from behind, by their weights.

        In training the sum of weight times value over B times the mean weight of all training examples: whatever the
        batches, their mean is that of the whole training part. Else over the batch's own weights.
        """
        counts = self.counts
        if counts is None:
            return values.mean(axis)
        counts = counts.to(values.dtype)[(..., *[None] * (-1 - axis))]
        if self.training and self.mean_weight is not None:
            mean = (values * counts).mean(axis)
            scale = self.mean_weight.to(mean.dtype)  # one, or one for each replica
            return mean / (scale.view(-1, *[1] * (mean.ndim - 1)) if scale.ndim else scale)
        return (values * counts).sum(axis) / counts.sum(axis)

    def mean_of_last(self, values: Tensor, axis: int = -1) -> Tensor:
        """The same of the batch whose objective was the last, by its own weights."""
        if self.counted is None:
            return values.mean(axis)
        counts = self.counted.to(values.dtype)[(..., *[None] * (-1 - axis))]
        return (values * counts).sum(axis) / counts.sum(axis)
