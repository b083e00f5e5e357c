"""Values back as columns of a frame: the way of ``Columns.values``, the other way round."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aelab.data.tables.categories import category
from aelab.data.tables.columns import Column, Columns

if TYPE_CHECKING:
    import pandas as pd


def restored(columns: Columns, values: np.ndarray, like: pd.DataFrame) -> pd.DataFrame:
    """A frame of values float64 ``[N, D]``: index, names and order of ``like``, of its columns those in ``columns``.

    Numbers are floats, of the type of ``like`` where that is a float: what a model gives for whole numbers and truth
    values lies between them. Of categories the one with the largest value stands there, as ``like`` writes it, in its
    type. Where a column's flag says that there is no value, there is none.
    """
    import pandas as pd

    places = columns.places(like.columns)
    found: dict[int, pd.Series] = {}
    first = 0
    for column, place in zip(columns, places, strict=True):
        width = 1 if column.categories is None else len(column.categories)
        own = values[:, first : first + width]
        gaps = values[:, first + width] > 0.5 if column.flag else np.zeros(len(values), bool)
        first += width + column.flag
        series = like.iloc[:, place]
        found[place] = (
            _numbers(own[:, 0], gaps, series) if column.categories is None else _kinds(column, own, gaps, series)
        )
    order = sorted(found)
    frame = pd.concat([found[place] for place in order], axis=1)
    return frame.set_axis(like.columns[order], axis=1)


def _numbers(values: np.ndarray, gaps: np.ndarray, like: pd.Series) -> pd.Series:
    import pandas as pd

    series = pd.Series(np.where(gaps, np.nan, values), like.index)
    return series.astype(like.dtype) if pd.api.types.is_float_dtype(like) else series


def _kinds(column: Column, values: np.ndarray, gaps: np.ndarray, like: pd.Series) -> pd.Series:
    """The category of each row that has the largest value, in the type of ``like`` where that can hold it."""
    import pandas as pd

    assert column.categories is not None
    written: dict[str, Any] = {}
    for value in pd.unique(like.dropna().astype(object)):
        written.setdefault(category(value), value)
    example = next(iter(written.values()), "")
    kinds = [written[name] if name in written else _as_type(name, example) for name in column.categories]
    chosen = np.empty(len(kinds), dtype=object)
    chosen[:] = kinds
    picked = chosen[values.argmax(1)] if len(values) else chosen[:0]
    picked[gaps] = None
    series = pd.Series(picked, like.index, dtype=object)
    if isinstance(like.dtype, pd.CategoricalDtype):
        known = list(like.cat.categories)
        more = [kind for kind in kinds if kind not in known]
        return series.astype(pd.CategoricalDtype([*known, *more], like.cat.ordered))
    if gaps.any() and like.dtype.kind in "biu" and not pd.api.types.is_extension_array_dtype(like.dtype):
        return series  # which such a type cannot hold
    try:
        return series.astype(like.dtype)
    except (TypeError, ValueError):
        return series


def _as_type(name: str, example: object) -> object:
    """A category as a value like ``example``; its name where that is none of that type."""
    try:
        return name == "1" if isinstance(example, (bool, np.bool_)) else type(example)(name)  # type: ignore[call-arg]
    except (TypeError, ValueError):
        return name
