"""Batches by index from a tensor that stays in memory, in an order that depends on (seed, epoch) only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice, pairwise

import torch
from torch import Tensor

from aelab.data.preprocessing import unit
from aelab.errors import UserError
from aelab.objectives.randomness import seeded_generator

Change = Callable[[Tensor, Tensor, int | Sequence[int], int], Tensor] | None


class EpochOrder:
    """Shuffles rows anew each epoch: one permutation from (seed, epoch).

    ``rows``: long ``[n]``, or ``[K, n]`` with K seeds for K replicas, each with an order of its own;
    replica k visits its rows exactly as a lone run with ``rows[k]`` and ``seeds[k]`` does.
    ``change``: what becomes of examples, given also their rows, the seed and the epoch (see Augmentation).
    Lightning calls ``set_epoch`` because a loader shows this object as its ``sampler``.
    """

    def __init__(self, rows: Tensor, seed: int | Sequence[int], change: Change = None) -> None:
        self.rows = rows
        self.seed = seed
        self.change = change
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __call__(self) -> Tensor:
        if self.rows.ndim == 1:
            assert isinstance(self.seed, int)
            return self._shuffled(self.rows, self.seed)
        assert not isinstance(self.seed, int)
        return torch.stack([self._shuffled(r, s) for r, s in zip(self.rows, self.seed, strict=True)])

    def changed(self, x: Tensor, rows: Tensor) -> Tensor:
        """Examples ``[..., B, D]`` that are these ``rows``, as they are trained on in this epoch."""
        return x if self.change is None else self.change(x, rows, self.seed, self.epoch)

    def _shuffled(self, rows: Tensor, seed: int) -> Tensor:
        return rows[torch.randperm(len(rows), generator=seeded_generator(seed, self.epoch))]


class Position:
    """How many batches of the epoch were given out, so that a resumed epoch goes on behind them.

    ``joined``: batches that make one of Lightning's steps, whose count within the epoch it keeps itself.
    """

    def __init__(self) -> None:
        self.done = 0
        self.joined = 1
        self.resumed: dict[str, int] = {}

    def first(self, epoch: int) -> int:
        """The batch an epoch begins with.

        Raises UserError where the epoch was begun with another number of joined steps.
        """
        if self.resumed.get("epoch") != epoch:
            return 0
        if self.resumed["joined"] != self.joined:
            raise UserError(
                f"trainer.steps_per_execution={self.joined}: this run was interrupted within an epoch of "
                f"{self.resumed['joined']}; resume it with trainer.steps_per_execution={self.resumed['joined']} and "
                "the devices it had, or start over with force=true"
            )
        return self.resumed["done"]

    def state_dict(self, epoch: int) -> dict[str, int]:
        return {"epoch": epoch, "done": self.done, "joined": self.joined}


class Batches:
    """Iterates the rows of each batch: long ``[B]``, or ``[K, B]`` for K replicas.

    ``order``: an EpochOrder, or a fixed long tensor of rows, ``[n]`` or ``[K, n]``. ``batch_size`` is global: of
    ``world_size`` processes each takes its stride of every batch. In training (an EpochOrder) batches are full and the
    remainder that cannot be shared evenly is left out, so that the mean of the processes' gradients is the
    gradient of the batch. In evaluation batches are about equal, so that no process gets an empty one.
    Raises UserError where a training batch cannot be shared evenly.
    """

    def __init__(
        self,
        order: EpochOrder | Tensor,
        batch_size: int,
        rank: int = 0,
        world_size: int = 1,
        device: torch.device | str = "cpu",
    ) -> None:
        if isinstance(order, EpochOrder) and batch_size % world_size:
            fix = -(-batch_size // world_size) * world_size
            raise UserError(f"data.batch_size={batch_size}: {world_size} processes cannot share that; use {fix}")
        self.sampler = order
        self.batch_sampler = None
        self.batch_size = batch_size
        self.rank = rank
        self.world_size = world_size
        self.device = device
        self.position = Position()

    def __len__(self) -> int:
        return -(-self._count() // self.batch_size)

    def state_dict(self) -> dict[str, int]:
        """Where in which epoch this is; Lightning keeps it in the checkpoint."""
        return self.position.state_dict(self._epoch())

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.position.resumed = state

    def first(self) -> int:
        """The batch that iterating begins with: 0, but in an epoch that is resumed."""
        return self.position.first(self._epoch())

    def _epoch(self) -> int:
        return self.sampler.epoch if isinstance(self.sampler, EpochOrder) else 0

    def _count(self) -> int:
        if isinstance(self.sampler, EpochOrder):
            return self.sampler.rows.shape[-1] // self.world_size * self.world_size
        return self.sampler.shape[-1]

    def __iter__(self) -> Iterator[Tensor]:
        rows = self.sampler() if isinstance(self.sampler, EpochOrder) else self.sampler
        rows = rows.to(self.device)
        self.position.done = self.first()
        for start, stop in pairwise(self._bounds()[self.position.done :]):
            self.position.done += 1
            yield rows[..., start + self.rank : stop : self.world_size]

    def _bounds(self) -> list[int]:
        count = self._count()
        batches = len(self)
        if isinstance(self.sampler, EpochOrder):
            return [min(i * self.batch_size, count) for i in range(batches + 1)]
        return [i * count // max(batches, 1) for i in range(batches + 1)]


class ResidentLoader(Batches):
    """Iterates float batches ``[B, D]`` (``[K, B, D]`` for K replicas) taken by index from ``values``.

    ``values``: ``[N, D]``, pixels in uint8 (scaled to [0, 1] as they are taken) or prepared, on the training device.
    ``order``, ``batch_size``, ``rank``, ``world_size``: as in Batches.
    """

    def __init__(
        self,
        values: Tensor,
        batch_size: int,
        order: EpochOrder | Tensor,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        super().__init__(order, batch_size, rank, world_size, values.device)
        self.values = values

    def __iter__(self) -> Iterator[Tensor]:
        for rows in super().__iter__():
            x = unit(self.values[rows])
            yield self.sampler.changed(x, rows) if isinstance(self.sampler, EpochOrder) else x


class Grouped:
    """Several consecutive batches of a loader at a time, as a list: one Lightning step for all of them."""

    def __init__(self, loader: ResidentLoader, size: int) -> None:
        self.loader = loader
        self.sampler = loader.sampler
        self.batch_sampler = None
        self.size = size
        loader.position.joined = size
        self.state_dict = loader.state_dict
        self.load_state_dict = loader.load_state_dict

    def __len__(self) -> int:
        return -(-len(self.loader) // self.size)

    def __iter__(self) -> Iterator[list[Tensor]]:
        batches = iter(self.loader)
        while group := list(islice(batches, self.size)):
            yield group
