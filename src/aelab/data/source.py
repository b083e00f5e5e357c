"""What a data set hands over: examples, labels and, where there is one, an official test set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from aelab.data.given import Raw
from aelab.data.preprocessing import NUMBERS, PIXELS, Preprocessing
from aelab.data.tables.columns import Columns
from aelab.data.text.vocabulary import Vocabulary
from aelab.errors import UserError, plain


@dataclass(frozen=True)
class Source:
    """Examples as read, before any split.

    ``x``: array ``[N, *shape]`` of real numbers. Images have shape ``[C, H, W]``, rows of a table ``[D]``.
    ``labels``: ``[N]`` or None. ``kind``: ``pixels`` (uint8 0..255 becomes [0, 1] on the device), ``numbers``, which
    are taken as they are, or ``symbols``; None means pixels for images of uint8 and numbers for all else.
    ``columns``: of a table. ``gaps``: NaN in ``x`` is a value that is not known, and stays so.
    ``test_x``, ``test_labels``: the official test set, which selection never sees; None where there is
    none, and a test part is then drawn from ``x``.
    ``fill_missing``: NaN in ``x`` is a missing value, to be filled with the mean of the training part.
    ``origin``: what leads back to where an example was read, arrays ``[N]`` by name: its ``row``, counted from 0 as the
    user's file has them; of a table its ``id``; of parts of an .npz the ``array``. Empty: its place in ``x``, or in
    ``test_x``. ``vocabulary``: of texts, whose symbols ``x`` counts. ``groups``: ``[N]`` or None; examples of one group
    go to the same part. ``given``: columns of a table that are given beside ``x``, by name; ``categorical``: those of
    them that are categories. ``weight``: what each example counts, ``[N]``, or None.
    """

    x: np.ndarray
    labels: np.ndarray | None = None
    test_x: np.ndarray | None = None
    test_labels: np.ndarray | None = None
    fill_missing: bool = False
    kind: str | None = None
    columns: Columns | None = None
    gaps: bool = False
    origin: Mapping[str, np.ndarray] = field(default_factory=dict)
    vocabulary: Vocabulary | None = None
    groups: np.ndarray | None = None
    given: Raw = field(default_factory=dict)
    categorical: tuple[str, ...] = ()
    weight: np.ndarray | None = None

    @property
    def declared(self) -> str:
        """``kind``, or what is meant where it is None."""
        return self.kind or (PIXELS if self.x.dtype == np.uint8 and self.x.ndim == 4 else NUMBERS)

    def preprocessing(self, threshold: bool) -> Preprocessing:
        """What these values go through, as yet unfitted; ``threshold``: they become 0 or 1."""
        return Preprocessing(
            self.declared, self.columns, threshold=threshold, vocabulary=self.vocabulary, gaps=self.gaps
        )

    def divided(self, split: Mapping[str, np.ndarray]) -> Iterator[tuple[str, Source]]:
        """The parts that have examples, by the rows of each, one after the other; then the official test set."""
        for part, rows in split.items():
            if len(rows):
                yield part, self._take(rows)
        if self.test_x is not None:
            yield "test", Source(self.test_x, self.test_labels, origin={"row": np.arange(len(self.test_x))})

    def _take(self, rows: np.ndarray) -> Source:
        origin = self.origin or {"row": np.arange(len(self.x))}
        return replace(
            self,
            x=self.x[rows],
            labels=None if self.labels is None else self.labels[rows],
            groups=None if self.groups is None else self.groups[rows],
            origin={name: values[rows] for name, values in origin.items()},
            given={name: values[rows] for name, values in self.given.items()},
            weight=None if self.weight is None else self.weight[rows],
            test_x=None,
            test_labels=None,
        )

    def check(self, name: str) -> Source:
        """Return self, or raise UserError for empty, single-example or non-finite data."""
        for x, which in ((self.x, ""), (self.test_x, "the test part has ")):
            if x is None:
                continue
            size = x[0].size if len(x) else 0
            if len(x) < 2 or size == 0:
                raise UserError(
                    f"data={name}: {which}{len(x)} example(s) of {size} value(s); at least 2 of 1 are needed"
                )
            names = self.columns.names if self.columns is not None else ()
            check_finite(x, name, not self.fill_missing and not self.gaps, which=which, columns=names)
        return self


def check_finite(
    x: np.ndarray, name: str, nan_too: bool, first: int = 0, which: str = "", columns: Sequence[str] = ()
) -> None:
    """Raise UserError for infinite values, or NaN where ``nan_too``; ``first``: number of the first example.
    ``columns``: names of the values of an example, where they have any."""
    if x.dtype.kind != "f":
        return
    with np.errstate(over="ignore"):
        x = x.astype(np.float32, copy=False)
    if (flags := ~np.isfinite(x) if nan_too else np.isinf(x)).any():
        place = np.argwhere(flags)[0]
        column = f", column {plain(columns[place[1]])}" if len(columns) else ""
        raise UserError(
            f"data={name}: {which}NaN or infinite values in float32, {int(flags.sum())} of them, the "
            f"first in example {first + int(place[0])} (counted from 0){column}; repair or remove such examples"
        )
