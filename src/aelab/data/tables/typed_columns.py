"""Columns of files that say what each is: text in them is no number."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real

import numpy as np
import pandas as pd


def only_numbers(column: pd.Series) -> pd.Series:
    """The numbers of a column of mixed values as float64; NaN for all else."""
    if pd.api.types.is_numeric_dtype(column):
        return column.astype("float64")
    values = [float(x) if isinstance(x, Real) else np.nan for x in column.astype(object)]
    return pd.Series(values, column.index, dtype="float64")


def masked(frame: pd.DataFrame, missing: Sequence[str | int | float]) -> pd.DataFrame:
    """The frame without the values that stand for none: numbers compare as numbers, everything else as text."""
    if not missing:
        return frame
    numbers = set[float]()
    texts = {str(value) for value in missing}
    for value in missing:
        try:
            numbers.add(float(value))
        except ValueError:
            continue
    found = {}
    for name, column in frame.items():
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            hits = column.isin(list(numbers))
        else:
            hits = column.astype(object).map(lambda x: x in numbers if isinstance(x, Real) else str(x) in texts)
            hits = hits.astype(bool)
        found[name] = column.mask(hits) if hits.any() else column
    return pd.DataFrame(found)
