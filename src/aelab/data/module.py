"""The one LightningDataModule: a data set is a short subclass that overrides ``read``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aelab.data.batches.pieces import Pieces, tensors_of
from aelab.data.batches.splits import fingerprint, given_by_groups, split_rows
from aelab.data.beside import counted, names_of
from aelab.data.binarizing import binarized_parts, check_way
from aelab.data.extent import extent_of
from aelab.data.flat_values import flat_values
from aelab.data.observed import check_observed
from aelab.data.preprocessing import NUMBERS, Preprocessing, unit
from aelab.data.source import Source
from aelab.data.stored import stored
from aelab.data.wide import PARTS, Wide
from aelab.errors import UserError
from aelab.objectives.randomness import seeded_generator

PLACES = ("path", "cache")  # settings that name the user's files, which a run finds from any directory


class DataModule(Wide):
    """Splits a data set, keeps it resident and serves batches ``[B, D]`` of flat examples (see Served).

    ``batch_size``: global batch size. ``val_fraction``: share of the training examples kept for selection.
    ``test_fraction``: share held out for the test where the data set has no official test set.
    ``split_seed``: seed of both, apart from the run's seed so that runs of many seeds share their splits.
    ``train_size``: train on that many examples only. ``standardize``: subtract the mean and divide by the
    standard deviation of the training part, value by value. ``seed``: order of the batches.
    ``path``: the user's own file or folder, for the data sets that read one.
    ``one_class``: train and validate on the examples of this label only; the test part keeps all.
    ``binarize``: 0 or 1 for values between: ``threshold`` at 1/2, ``static``, drawn once with that probability, or
    ``dynamic``, drawn anew in every step of training (Burda et al. 2016) and once for all that is measured.
    ``given``: what encoder and decoder are given beside an example: ``label``, of a table its columns.

    ``pictures``: whole pictures uint8 ``[C, H, W]`` by name for each part, where examples are patches of such.
    ``name`` is what the user types after ``data=``: the file of the subclass is called as its config.
    """

    resident = True  # whether the values stay in memory; streamed batches come one at a time
    fetches = True  # whether files that are lacking may be written
    stratified = False  # whether every part gets its share of every class
    one_scale = False  # whether standardising divides all values by the same number
    unused: tuple[str, ...] = ("path", "test_fraction")  # settings for data sets with the user's files, or no test part
    name: str

    def __init__(
        self,
        batch_size: int = 128,
        val_fraction: float = 0.1,
        test_fraction: float = 0.2,
        split_seed: int = 0,
        train_size: int | None = None,
        standardize: bool = False,
        seed: int = 0,
        path: str | None = None,
        one_class: str | int | None = None,
        binarize: str | None = None,
        given: Sequence[str | int] | str | int | None = None,
    ) -> None:
        super().__init__()
        check_way(binarize, self.resident)
        if batch_size < 1:
            raise UserError(f"data.batch_size={batch_size}: must be at least 1")
        self.name = type(self).__module__.rpartition(".")[2]
        self.batch_size = batch_size
        self.val_fraction = val_fraction
        self.test_fraction = test_fraction
        self.split_seed = split_seed
        self.train_size = train_size
        self.standardize = standardize
        self.seed = seed
        self.path = path
        self.one_class = one_class
        self.binarize = binarize
        self.given_names = names_of(given)
        self.weight: str | None = None  # where the user's data say what each example counts
        self.values: dict[str, Tensor] = {}
        self.labels: dict[str, np.ndarray] = {}
        self.origins: dict[str, Mapping[str, np.ndarray]] = {}
        self.pictures: dict[str, dict[str, np.ndarray]] = {}
        self.shape: tuple[int, ...] = ()
        self.given: np.ndarray | None = None  # the part of each example, where the user's files say so
        self.known: Preprocessing | None = None  # of a run whose data these are
        self.preprocessing = Preprocessing()

    def read(self) -> Source:
        """The hook a data set overrides: read everything, split nothing."""
        raise NotImplementedError

    def setup(self, stage: str | None = None) -> None:
        if self.values:
            return
        source = self.read().check(self.name)
        self.shape = tuple(source.x.shape[1:])
        raw: dict[str, np.ndarray] = {}
        official = source.test_x is not None
        if source.groups is not None:
            self.given = given_by_groups(source.groups, *self._shares(official))
        split = self._split(len(source.x), source.labels, official_test=official)
        if source.weight is not None:
            row = source.origin.get("row", np.arange(len(source.x)))
            split = counted(split, source.weight, f"data.weight={self.weight} data={self.name}", row)
        parts = dict(source.divided(split))
        for part, some in parts.items():
            raw[part] = np.ascontiguousarray(some.x.reshape(len(some.x), -1))
            self.origins[part] = some.origin
            if some.labels is not None:
                self.labels[part] = some.labels
        self.preprocessing = self.known or source.preprocessing(self.binarize == "threshold")
        if source.gaps:
            check_observed(raw, self.name, self.origins, source.columns, self.shape)
        self._fit(lambda: tensors_of(raw["train"]), source.fill_missing, parts["train"].weight)
        for part in list(raw):
            self.values[part] = stored(raw.pop(part), self.preprocessing)
        if self.binarize:
            self.values = binarized_parts(self.values, self.binarize, self.split_seed)
        if self.given_names or source.weight is not None:
            self._widen(parts)

    def say(self, *lines: str) -> None:
        """Tell the user how their data are read, but not again when a run's data are read anew."""
        if self.known is None and self.fetches:
            print(*(f"data={self.name}: {line}\n" for line in lines), sep="", end="", flush=True)

    def state_dict(self) -> dict[str, Any]:
        """The preprocessing, so that a checkpoint holds all that using the model takes."""
        return self.preprocessing.plain()

    def _fit(self, chunks: Callable[[], Iterator[Tensor]], fills: bool, weight: np.ndarray | None = None) -> None:
        counts = None if weight is None else torch.from_numpy(weight)
        try:
            self.preprocessing.fit(chunks, fills, self.standardize, self.one_scale, counts)
        except UserError as error:
            raise UserError(f"data={self.name}: {error}") from error
        if self.path is not None and self.preprocessing.kind == NUMBERS and self.known is None:
            columns = self.preprocessing.columns
            extent = self.preprocessing.extent or extent_of(chunks())
            self.say(*flat_values(extent, columns.names if columns else None, self.standardize))

    def _shares(self, official_test: bool) -> tuple[float, float, int]:
        return self.val_fraction, 0 if official_test else self.test_fraction, self.split_seed

    def _split(self, count: int, labels: np.ndarray | None, official_test: bool = False) -> dict[str, np.ndarray]:
        how = self._shares(official_test)
        known = labels if self.stratified else None
        rows = split_rows(count, how, self.train_size, self.given, known, self.one_class, labels, self.name)
        return dict(zip(PARTS, rows, strict=True))

    def origin(self, part: str) -> Mapping[str, np.ndarray]:
        """Where the examples of a part were read, arrays ``[n]`` by name (see Source)."""
        return self.origins[part]

    def chosen(self, part: str, limit: int | None = None) -> Tensor:
        """Rows of a part, long ``[n]``: all in order, or ``limit`` of them, always the same choice."""
        count = self.size(part)
        if limit is None or limit >= count:
            return torch.arange(count)
        return torch.randperm(count, generator=seeded_generator(self.split_seed, 0))[:limit]

    def examples(self, part: str, limit: int | None = None) -> Tensor:
        """Examples of ``train``, ``val`` or ``test`` as floats ``[n, D]``: all, or the ``chosen`` ones."""
        rows = self._resident_rows(part, limit)
        return rows if self.layout is None else self.layout.apart(rows).x

    def wide_rows(self, part: str, limit: int | None = None) -> Tensor:
        """The same with what is given beside them, rows of ``layout``, as a model takes them."""
        return self.examples(part, limit) if self.layout is None else self._resident_rows(part, limit)

    def _resident_rows(self, part: str, limit: int | None) -> Tensor:
        values = self.values[part]
        return unit(values if limit is None else values[self.chosen(part, limit).to(values.device)])

    def pieces(self, part: str, limit: int) -> Pieces:
        """The same, read a piece at a time."""
        x = self.examples(part, limit)
        return Pieces(len(x), x.shape[1], x.__getitem__)

    def require_labels(self) -> dict[str, np.ndarray]:
        """Labels ``[n]`` of each part; UserError where the data set has none."""
        if not self.labels:
            raise UserError(f"data={self.name}: this needs labels and there are none; {self.label_advice()}")
        return self.labels

    def label_advice(self) -> str:
        """How a user gives this data set labels."""
        return "use a data set with labels"

    def describe(self) -> dict[str, Any]:
        """Sizes, shape, content fingerprints and where the user's files lie, for the manifest."""
        places = {
            key: os.path.abspath(os.path.expanduser(place)) for key in PLACES if (place := getattr(self, key, None))
        }
        given = {} if self.preprocessing.given is None else {"given": self.describe_given(self.preprocessing.given)}
        return (
            places
            | given
            | {
                "shape": list(self.shape),
                "sizes": {part: self.size(part) for part in PARTS},
                "fingerprints": {part: self.fingerprint(part) for part in PARTS},
            }
        )

    def fingerprint(self, part: str) -> str:
        """16 hex digits that name the content of a part, and its weights; what is given has a name of its own."""
        values = self.values[part] if self.layout is None else self.layout.without_given(self.values[part])
        return fingerprint(values.cpu().numpy(), self.preprocessing.digest())

    def generate(self, count: int, seed: int) -> Tensor:
        """New examples ``[count, D]`` from the generator of a generated data set."""
        raise UserError(f"data={self.name}: not generated, so new data cannot be drawn; use another plan of replicas")

    def truth(self) -> dict[str, np.ndarray]:
        """What a generated data set is made of, for evaluations that compare with it; nothing otherwise."""
        return {}

    def generate_training_sets(self, seeds: Sequence[int]) -> None:
        """Draw new training sets, one behind the other, for replicas to train on; the rest stays as it is."""
        if self.layout is not None:
            raise UserError(
                "data.given, data.weight: new examples are drawn without it; use another plan of replicas, "
                "like replicas=bootstrap"
            )
        fresh = torch.cat([self.generate(self.size("train"), seed) for seed in seeds])
        self.values["fresh"] = stored(fresh.numpy(), self.preprocessing)
