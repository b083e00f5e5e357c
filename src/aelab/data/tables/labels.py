"""Labels of a table: one type for the whole column, however it is read."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pandas as pd

from aelab.data.tables.categories import category

_NAME = re.compile(r"[+-]?0\d.*")  # 007 is no number but a name
_WHOLE = re.compile(r"[+-]?\d{1,18}")


class LabelType:
    """What a column of labels is, seen frame by frame: truth values, whole numbers, numbers, or else text."""

    def __init__(self, as_numbers: Callable[[pd.Series], pd.Series]) -> None:
        self.as_numbers = as_numbers
        self.truth = self.whole = self.number = True

    def see(self, column: pd.Series) -> None:
        """Take note of some labels; missing ones say nothing."""
        column = column.dropna()
        if not len(column):
            return
        if pd.api.types.is_bool_dtype(column):
            self.number = self.whole = False
        elif pd.api.types.is_numeric_dtype(column):
            self.truth = False
            self.whole = self.whole and pd.api.types.is_integer_dtype(column)
        else:
            kinds = pd.Series(pd.unique(column.astype(object)))
            text = kinds.astype(str).str.strip()
            self.truth = self.truth and bool(text.str.lower().isin(["true", "false"]).all())
            found = self.as_numbers(kinds)
            self.number = self.number and bool(found.notna().all()) and not text.str.fullmatch(_NAME).any()
            self.whole = self.whole and self.number and bool(text.str.fullmatch(_WHOLE).all())

    def values(self, column: pd.Series) -> np.ndarray:
        """Labels ``[N]`` of a column without gaps, in the type that fits all that was seen."""
        if self.truth:
            return column.astype(str).str.strip().str.lower().eq("true").to_numpy(bool)
        if self.whole:
            return column.astype("int64").to_numpy()
        if self.number:
            return self.as_numbers(column).to_numpy(np.float64)
        if column.dtype.kind in "mM":  # whose text NumPy would cut short
            return np.array([category(value) for value in column])
        return column.to_numpy(dtype=str)
