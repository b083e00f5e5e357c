"""Resampling plans: which training set and which seed each replica gets, and so what their variance means.

=================  ==========================================  ==================================================
plan               replicas differ in                          their variance estimates
=================  ==========================================  ==================================================
bootstrap          resample of the training set, seed          resampling variance: a proxy of the sampling
                                                               variance, from sets that share 63 % of their rows
subsample          random fraction, seed                       the same at the smaller size; too small by the
                                                               overlap (two draws share that fraction)
disjoint           part of the training set, seed              variance at size n/K, independent given the pool
initializations    seed                                        initialisation and order only, nothing of the data
nested             S resamples x R seeds                       both, told apart (law of total variance)
fresh              new data from the generator, seed           the sampling variance itself (generated data only)
=================  ==========================================  ==================================================

The seed sets initial weights, order of the examples and noise. Replica k of ``initializations`` is the run with
``seed + k``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from aelab.errors import UserError


class Assignment(NamedTuple):
    """What each of K replicas trains on.

    ``rows``: long ``[K, n]``, rows of the training part. ``seeds``: K integers. ``data_sets``: which training
    set each replica has, K integers for a nested plan, else None. ``partitions``: which random partition each
    belongs to, for a disjoint plan of several, else None.
    """

    rows: Tensor
    seeds: list[int]
    data_sets: list[int] | None = None
    partitions: list[int] | None = None


class Plan:
    """Base of all plans. Subclasses override ``assign``.

    ``count``: replicas K. ``seed``: of the resampling, apart from the run's seed. ``mode``: ``stacked`` trains
    all at once, ``sequential`` one by one, ``auto`` whichever is faster (see replicated.py). ``chunk``: at most so
    many in one stack, which bounds memory. ``corrupt_test``: decompose the error on test inputs
    corrupted as in training (the same noise for all replicas) instead of clean ones. ``weights``: each replica's
    ``best``, those of its epoch of the lowest val/error, which is early stopping in retrospect, or its ``last``.
    ``draws``: of a code that is drawn, codes of each test example and replica, from which the variance that the drawing
    makes is told apart (see drawing.py); 0 for its mean alone.
    """

    needs_generator = False
    unused: tuple[str, ...] = ()  # settings that a plan takes and makes no use of

    def __init__(
        self,
        count: int = 10,
        seed: int = 0,
        mode: str = "auto",
        chunk: int | None = None,
        corrupt_test: bool = False,
        weights: str = "best",
        draws: int = 0,
    ) -> None:
        if count < 2:
            raise UserError(
                f"replicas.count={count}: one model has no variance; use at least 2 replicas, or replicas=none"
            )
        if mode not in ("auto", "stacked", "sequential"):
            raise UserError(f"replicas.mode={mode}: choose auto, stacked or sequential")
        if chunk is not None and chunk < 1:
            raise UserError(f"replicas.chunk={chunk}: must be at least 1")
        if weights not in ("best", "last"):
            raise UserError(f"replicas.weights={weights}: choose best or last")
        if draws < 0 or draws == 1:
            raise UserError(f"replicas.draws={draws}: one draw has no variance; use at least 2, or 0 for the mean code")
        self.count = count
        self.seed = seed
        self.mode = mode
        self.chunk = chunk
        self.corrupt_test = corrupt_test
        self.weights = weights
        self.draws = draws

    def assign(self, examples: int, seed: int) -> Assignment:
        """Rows and seeds of all replicas, for ``examples`` training examples and the run's ``seed``."""
        raise NotImplementedError

    def _generator(self, index: int) -> torch.Generator:
        return torch.Generator().manual_seed(self.seed * 1_000_003 + index)

    def _seeds(self, seed: int) -> list[int]:
        return [seed + index for index in range(self.count)]


class Bootstrap(Plan):
    """Each replica trains on as many examples as there are, drawn with replacement (Efron 1979)."""

    def assign(self, examples: int, seed: int) -> Assignment:
        draws = [torch.randint(examples, (examples,), generator=self._generator(k)) for k in range(self.count)]
        return Assignment(torch.stack(draws), self._seeds(seed))


class Subsample(Plan):
    """Each replica trains on a random ``fraction`` of the examples, drawn without replacement."""

    def __init__(self, *args: Any, fraction: float = 0.5, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not 0 < fraction < 1:
            raise UserError(f"replicas.fraction={fraction}: must be between 0 and 1")
        self.fraction = fraction

    def assign(self, examples: int, seed: int) -> Assignment:
        size = max(1, round(examples * self.fraction))
        draws = [torch.randperm(examples, generator=self._generator(k))[:size] for k in range(self.count)]
        return Assignment(torch.stack(draws), self._seeds(seed))


class Disjoint(Plan):
    """The training set in ``count`` parts that share nothing, one for each replica (Yang et al. 2020).

    ``partitions``: random partitions whose decompositions are averaged; the run trains ``count * partitions``.
    """

    def __init__(self, *args: Any, partitions: int = 1, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if partitions < 1:
            raise UserError(f"replicas.partitions={partitions}: must be at least 1")
        self.partitions = partitions

    def assign(self, examples: int, seed: int) -> Assignment:
        size = examples // self.count
        if size < 1:
            raise UserError(f"replicas.count={self.count}: more parts than the {examples} training examples")
        rows = [
            torch.randperm(examples, generator=self._generator(p))[: size * self.count].view(self.count, size)
            for p in range(self.partitions)
        ]
        total = self.count * self.partitions
        partitions = [p for p in range(self.partitions) for _ in range(self.count)]
        return Assignment(
            torch.cat(rows),
            [seed + index for index in range(total)],
            partitions=partitions if self.partitions > 1 else None,
        )


class Initializations(Plan):
    """One training set, ``count`` seeds."""

    def assign(self, examples: int, seed: int) -> Assignment:
        return Assignment(torch.arange(examples).expand(self.count, -1), self._seeds(seed))


class Nested(Plan):
    """``data_sets`` bootstrap resamples x ``initializations`` seeds (Neal et al. 2018)."""

    unused = ("count",)

    def __init__(self, data_sets: int = 5, initializations: int = 3, **kwargs: Any) -> None:
        for key, value in (("data_sets", data_sets), ("initializations", initializations)):
            if value < 2:
                raise UserError(f"replicas.{key}={value}: a nested plan needs at least 2, or its variance has no split")
        super().__init__(count=data_sets * initializations, **kwargs)
        self.data_sets = data_sets
        self.initializations = initializations

    def assign(self, examples: int, seed: int) -> Assignment:
        draws = [torch.randint(examples, (examples,), generator=self._generator(s)) for s in range(self.data_sets)]
        sets = [s for s in range(self.data_sets) for _ in range(self.initializations)]
        return Assignment(torch.stack([draws[s] for s in sets]), self._seeds(seed), data_sets=sets)


class Fresh(Plan):
    """Each replica trains on new data from the generator: the gold standard. Generated data sets only."""

    needs_generator = True

    def assign(self, examples: int, seed: int) -> Assignment:
        # the data module lays the K generated sets one behind the other
        return Assignment(torch.arange(self.count * examples).view(self.count, examples), self._seeds(seed))

    def generator_seeds(self) -> Sequence[int]:
        """The seed of each replica's training set; none is that of the run's own data."""
        return [1_000_000 + self.seed * 10_000 + index for index in range(self.count)]
