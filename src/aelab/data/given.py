"""What is given beside an example, labels or covariates, as numbers for a network: fitted once, kept with the model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from aelab.data.tables.categories import category
from aelab.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

LEVELS = 1000  # more of them are names, not categories
SHOWN = 8
LABEL = "label"
Raw = Mapping[str, np.ndarray]
"""Given columns as read, each ``[N]``: numbers, or names of categories; None or NaN where there is no value."""


class GivenColumn(NamedTuple):
    """``levels``: a value of 0 or 1 for each, in that order; None of numbers, which are one value, ``(x - mean) / std``
    by the mean and the standard deviation of the training rows."""

    name: str
    levels: tuple[str, ...] | None
    mean: float = 0.0
    std: float = 1.0

    @property
    def width(self) -> int:
        """How many values it is."""
        return 1 if self.levels is None else len(self.levels)


class Given(tuple[GivenColumn, ...]):
    """The given columns in order, and their ``values`` for any rows that have them."""

    @property
    def size(self) -> int:
        """How many values they are together."""
        return sum(column.width for column in self)

    @property
    def names(self) -> list[str]:
        """Of the columns."""
        return [column.name for column in self]

    @property
    def is_categories(self) -> bool:
        """Whether all values are 0 or 1."""
        return all(column.levels is not None for column in self)

    def values(self, raw: Raw, which: str = "given", rows: np.ndarray | None = None) -> np.ndarray:
        """Values float32 ``[N, G]``. ``which``: what a complaint begins with. ``rows``: numbers to name rows by.

        Raises UserError for the first value that is missing, is no number, or is a level no training row had.
        """
        found = [self._of(column, np.asarray(raw[column.name]), which, rows) for column in self]
        return np.concatenate(found, 1).astype(np.float32)

    def _of(self, column: GivenColumn, raw: np.ndarray, which: str, rows: np.ndarray | None) -> np.ndarray:
        def where(flags: np.ndarray) -> str:
            first = int(flags.argmax())
            return f"row {first if rows is None else rows[first]} (counted from 0)"

        if column.levels is None:
            numbers = as_numbers(raw, f"{which}: {column.name}")
            if (odd := ~np.isfinite(numbers)).any():
                raise UserError(
                    f"{which}: {column.name} has no finite value in {where(odd)} ({int(odd.sum())} such); a given "
                    "value may not lack: leave such rows out"
                )
            return ((numbers - column.mean) / column.std)[:, None]
        names = as_names(raw)
        if (gaps := names == None).any():  # noqa: E711 - elementwise
            raise UserError(
                f"{which}: {column.name} has no value in {where(gaps)} ({int(gaps.sum())} such); a given value may not "
                "lack: leave such rows out"
            )
        if (strange := ~np.isin(names.astype(str), np.array(column.levels, dtype=str))).any():
            some = ", ".join(column.levels[:SHOWN]) + (", ..." if len(column.levels) > SHOWN else "")
            raise UserError(
                f"{which}: {column.name}={names[int(strange.argmax())]} in {where(strange)} is no level that a "
                f"training row had ({some}); leave such rows out"
            )
        return (names[:, None] == np.array(column.levels, dtype=object)).astype(np.float64)

    def plain(self) -> list[list[Any]]:
        """As lists, numbers and text, for a checkpoint."""
        return [[c.name, None if c.levels is None else list(c.levels), c.mean, c.std] for c in self]

    @staticmethod
    def of_plain(plain: Iterable[Sequence[Any]]) -> Given:
        """What ``plain`` gave; ValueError or TypeError for anything else."""
        found = Given(
            GivenColumn(str(name), None if levels is None else tuple(map(str, levels)), float(mean), float(std))
            for name, levels, mean, std in plain
        )
        if not found or any(not np.isfinite([c.mean, c.std]).all() or c.std <= 0 or not c.width for c in found):
            raise ValueError("no given columns")
        return found


def fit_given(raw: Raw, categorical: Iterable[str], key: str, weight: np.ndarray | None = None) -> Given:
    """What given columns are, by the training rows ``[N]``. ``categorical``: those that are; others are numbers.
    ``weight``: what each row counts; None: all the same.

    Raises UserError, which begins with ``key``, for a column that is the same in all rows or has too many levels.
    """
    known = set(categorical)
    found = []
    for name, values in raw.items():
        if name in known:
            levels = tuple(sorted({str(one) for one in as_names(values) if one is not None}))
            if len(levels) > LEVELS:
                raise UserError(f"{key}: {name} has {len(levels):,} levels, of at most {LEVELS:,}; leave it out")
            column = GivenColumn(name, levels)
            constant = len(levels) < 2
        else:
            numbers = as_numbers(values, f"{key}: {name}")
            known_rows = np.isfinite(numbers)
            some = numbers[known_rows]
            constant = not len(some) or bool(some.min() == some.max())
            counts = None if weight is None else weight[known_rows]
            column = GivenColumn(name, None) if constant else GivenColumn(name, None, *_moments(some, counts))
        if constant:
            raise UserError(
                f"{key}: {name} is the same in all training rows, so it tells nothing of them; leave it out"
            )
        found.append(column)
    return Given(found)


def label_column(labels: np.ndarray) -> tuple[np.ndarray, bool]:
    """Labels ``[N]`` as a given column, and whether they are categories: text, truth values and whole numbers are."""
    if labels.dtype.kind == "f":
        return labels.astype(np.float64), bool((labels == np.round(labels)).all())
    return labels, True


def as_names(values: np.ndarray) -> np.ndarray:
    """One name for each category (see ``category``), an object array; None where there is no value."""
    values = np.asarray(values)
    kinds: dict[Any, str | None] = {}
    found = np.empty(len(values), dtype=object)
    for place, value in enumerate(values.tolist()):
        if value is None or value != value:
            continue
        if value not in kinds:
            kinds[value] = category(value)
        found[place] = kinds[value]
    return found


def as_numbers(values: np.ndarray, which: str) -> np.ndarray:
    """Numbers as float64, NaN where there is none; UserError for text."""
    try:
        if getattr(values.dtype, "kind", "O") in "mMc":
            raise TypeError("times")
        return np.array([np.nan if one is None else one for one in values.tolist()], dtype=np.float64)
    except (TypeError, ValueError) as error:
        name = which.rpartition(" ")[2]
        raise UserError(
            f"{which} is not numeric ({error}); where it is a category, use data.categorical=[{name}]"
        ) from error


def _moments(numbers: np.ndarray, counts: np.ndarray | None) -> tuple[float, float]:
    mean = np.average(numbers, weights=counts)
    return float(mean), float(np.sqrt(np.average(np.square(numbers - mean), weights=counts)))


def frame_columns(frame: pd.DataFrame, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Columns of a frame, by their names as text; UserError where one is absent."""
    places = {str(name).strip(): place for place, name in enumerate(frame.columns)}
    if absent := [name for name in names if name.strip() not in places]:
        raise UserError(
            f"given: no column {absent[0]}, which the run was given beside examples (data.given); add it, or pass "
            "given="
        )
    columns = {name: frame.iloc[:, places[name.strip()]] for name in names}
    return {name: column.astype(object).where(column.notna(), None).to_numpy() for name, column in columns.items()}
