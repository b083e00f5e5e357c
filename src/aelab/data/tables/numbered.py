"""A table as one number a column, for what knows no text: categories by number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from aelab.data.tables.categories import category, category_names
from aelab.data.tables.columns import Column, Columns

if TYPE_CHECKING:
    import pandas as pd


def category_numbers(column: Column) -> list[float]:
    """The number of each category: itself where all of them are numbers, else its place in the list, from 0."""
    names: Sequence[str] = column.categories or ()
    try:
        numbers = [float(name) for name in names]
    except ValueError:
        numbers = []
    own = all(category(number) == name for number, name in zip(numbers, names, strict=False))
    return numbers if numbers and own else [float(place) for place in range(len(names))]


def frame_of(columns: Columns, numbers: np.ndarray) -> pd.DataFrame:
    """The frame that numbers float64 ``[N, C]`` stand for, one a column; no category where none has such a number."""
    import pandas as pd

    found: dict[str, object] = {}
    for column, values in zip(columns, numbers.T, strict=True):
        if column.categories is None:
            found[column.name] = values
            continue
        known = dict(zip(category_numbers(column), column.categories, strict=True))
        found[column.name] = pd.Series([known.get(value) for value in values.tolist()], dtype=object)
    return pd.DataFrame(found)


def numbers_of(columns: Columns, frame: pd.DataFrame) -> np.ndarray:
    """Numbers float64 ``[N, C]`` of a frame with these columns; NaN where there is no value."""
    found = []
    for column, place in zip(columns, columns.places(frame.columns), strict=True):
        series = frame.iloc[:, place]
        if column.categories is None:
            found.append(series.to_numpy(np.float64, na_value=np.nan))
            continue
        known = dict(zip(column.categories, category_numbers(column), strict=True))
        names = category_names(series)
        found.append(np.array([np.nan if name is None else known[name] for name in names], dtype=np.float64))
    return np.stack(found, 1)
