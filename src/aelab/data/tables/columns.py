"""Columns of a frame as values: numbers as they are, categories as one value each, gaps as flags."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from aelab.data.tables.categories import category, category_names
from aelab.data.tables.unknown_categories import UnknownCategories
from aelab.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

CATEGORIES = 1000  # more of them in a column are names, not categories

GAP = " missing"


class Column(NamedTuple):
    """A column of a table as a model sees it.

    ``name``: in the frame. ``categories``: a value of 0 or 1 for each, in that order; None for a column of numbers,
    which is one value. ``flag``: whether a value of 0 or 1 behind them says that there was none.
    """

    name: str
    categories: tuple[str, ...] | None = None
    flag: bool = False

    @property
    def width(self) -> int:
        """How many values it is."""
        return (1 if self.categories is None else len(self.categories)) + self.flag


class Columns(tuple[Column, ...]):
    """The columns of a table in order; ``names`` of their values and the ``values`` of any frame that has them."""

    @property
    def names(self) -> list[str]:
        """One name a value: ``age``, ``kind=a``, ``age missing``."""
        found: list[str] = []
        for column in self:
            kinds = column.categories
            found += [column.name] if kinds is None else [f"{column.name}={kind}" for kind in kinds]
            found += [f"{column.name}{GAP}"] if column.flag else []
        return found

    def values(self, frame: pd.DataFrame, unknown: UnknownCategories | None = None) -> np.ndarray:
        """Values float64 ``[N, D]`` of a frame; NaN where there is none.

        A category that is not known is 0 in all of its column's values, and a warning names it. Raises UserError for a
        column that is absent, is not numeric, or has no category that is known. ``unknown``: where the frame is a piece
        of a table, takes note of such categories instead.
        """
        places = self.places(frame.columns)
        strange = UnknownCategories() if unknown is None else unknown
        strange.rows += len(frame)
        found: list[np.ndarray] = []
        for column, place in zip(self, places, strict=True):
            series = frame.iloc[:, place]
            gaps = series.isna().to_numpy()
            found += (
                [_numbers(series, column)] if column.categories is None else _one_hot(series, column, gaps, strange)
            )
            found += [gaps.astype(np.float64)] if column.flag else []
        for line in strange.said() if unknown is None else ():
            warnings.warn(line, stacklevel=2)
        return np.stack(found, 1)

    def places(self, columns: Iterable[object]) -> list[int]:
        """Where these columns stand among the ``columns`` of a frame; UserError where one is absent or there twice."""
        names = [flat_name(name) for name in columns]
        places = {name.strip(): place for place, name in enumerate(names)} | {n: i for i, n in enumerate(names)}
        wanted = {column.name: places.get(column.name, places.get(column.name.strip(), -1)) for column in self}
        if absent := [name for name, place in wanted.items() if place < 0]:
            other = [name for name in names if places[name] not in wanted.values()]
            beside = f" (it has {', '.join(other[:5])}{', ...' if len(other) > 5 else ''}, which the run does not know)"
            many = f"columns {', '.join(absent[:10])}" if len(absent) > 1 else f"column {absent[0]}"
            raise UserError(
                f"no {many}{', ...' if len(absent) > 10 else ''}, which the run was trained with"
                f"{beside if other else ''}; add {'them' if len(absent) > 1 else 'it'}"
            )
        if twice := [name for name in wanted if names.count(name) > 1]:
            raise UserError(f"two columns called {twice[0]}; leave one of them out")
        return list(wanted.values())

    def unknown(self, frame: pd.DataFrame, beside: Iterable[object] = ()) -> list[str]:
        """Columns of a frame that are none of these, none that stands ``beside`` them, and no saved index."""
        known = {*(column.name.strip() for column in self), *map(str, beside)}
        names = [flat_name(name).strip() for name in frame.columns]
        return [name for name in names if name not in known and not name.startswith(("Unnamed: ", "__index_level_"))]

    def plain(self) -> list[list[Any]]:
        """As lists and text, for a checkpoint."""
        return [[c.name, None if c.categories is None else list(c.categories), c.flag] for c in self]

    @staticmethod
    def of_plain(plain: Iterable[Sequence[Any]]) -> Columns:
        """What ``plain`` gave; ValueError or TypeError for anything else."""
        return Columns(
            Column(str(name), None if kinds is None else tuple(map(category, kinds)), bool(flag))
            for name, kinds, flag in plain
        )


def flat_name(name: object) -> str:
    """The name of a column as text: ``m a`` for one of two levels."""
    if isinstance(name, tuple):
        return " ".join(text for level in name if (text := str(level)))
    return str(name)


def fit_columns(
    frames: Iterable[pd.DataFrame], columns: Sequence[str], categorical: Collection[str], flag_gaps: bool
) -> Columns:
    """What ``columns`` of a table, read in one or many frames, are: its categories in alphabetical order, its gaps.

    Raises UserError for a categorical column with more than 1,000 categories.
    """
    kinds: dict[str, set[str]] = {name: set() for name in columns if name in categorical}
    gaps: set[str] = set()
    for frame in frames:
        gaps |= {name for name in columns if frame[name].isna().any()}
        for name, known in kinds.items():
            known |= set(category_names(frame[name])) - {None}
            if len(known) > CATEGORIES:
                raise UserError(
                    f"data.categorical: {name} has {len(known):,} categories or more, of at most {CATEGORIES:,}; "
                    "leave it out of data.categorical and data.columns"
                )
    found = Columns(
        Column(name, tuple(sorted(kinds[name])) if name in kinds else None, flag_gaps and name in gaps)
        for name in columns
    )
    if twice := [name for name, count in Counter(found.names).items() if count > 1]:
        raise UserError(
            f"two values of the table would be called {twice[0]}: a column and a category or a gap of another; rename "
            "the column"
        )
    return found


def recorded_columns(names: Sequence[str], frame: pd.DataFrame) -> Columns:
    """The columns of a run of an earlier version, which recorded the names of their values alone."""
    known = set(map(str, frame.columns))
    found: list[Column] = []
    for name in names:
        if name not in known and name.removesuffix(GAP) in known:
            found[-1] = found[-1]._replace(flag=True)
            continue
        owners = [column for column in known if name.startswith(f"{column}=")]
        if name in known or not owners:
            found.append(Column(name if name in known else name.partition("=")[0]))
            continue
        owner = max(owners, key=len)
        kind = category(name.removeprefix(f"{owner}="))
        if found and found[-1].name == owner and found[-1].categories is not None:
            found[-1] = found[-1]._replace(categories=(*found[-1].categories, kind))
        else:
            found.append(Column(owner, (kind,)))
    return Columns(found)


def _numbers(series: pd.Series, column: Column) -> np.ndarray:
    try:
        if getattr(series.dtype, "kind", "O") in "mMc":  # which NumPy takes for numbers
            raise TypeError
        return series.to_numpy(np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise UserError(
            f"column {column.name}: not numeric ({odd_one_out(series)}), which it was in training"
        ) from error


def _one_hot(series: pd.Series, column: Column, gaps: np.ndarray, unknown: UnknownCategories) -> list[np.ndarray]:
    assert column.categories is not None
    names = category_names(series)
    unknown.see(column.name, column.categories, names[~gaps])
    return [np.where(gaps, np.nan, names == kind).astype(np.float64) for kind in column.categories]


def odd_one_out(column: pd.Series) -> str:
    """The first value of a column that is not a number, for the eye."""
    import pandas as pd

    odd = column[pd.to_numeric(column, errors="coerce").isna() & column.notna()]
    return repr(str(odd.iloc[0])) if len(odd) else str(column.dtype)
