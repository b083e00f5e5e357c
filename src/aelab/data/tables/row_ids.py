"""The column that names rows: kept beside them, never an input."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

_WHOLE = re.compile(r"0|-?[1-9]\d{0,17}")  # 007 is no number but a name


class RowIds:
    """Ids of rows, seen frame by frame: whole numbers where all are and none lacks, else text as it is written."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.whole = True

    def see(self, column: pd.Series) -> None:
        """Take note of some ids."""
        if not self.whole or pd.api.types.is_integer_dtype(column):
            self.whole = self.whole and not column.isna().any()
            return
        self.whole = not column.isna().any() and all(_WHOLE.fullmatch(str(value)) for value in column)

    def values(self, column: pd.Series) -> np.ndarray:
        """Ids ``[N]`` in the type that fits all that was seen; an empty text where there is none."""
        if self.whole:
            return column.astype("int64").to_numpy()
        return column.astype(object).where(column.notna(), "").to_numpy(dtype=str)

    def said(self, ids: np.ndarray) -> list[str]:
        """A line where some of all ids repeat or lack, which leave no doubt about the row number alone."""
        lacking = 0 if self.whole else int((ids == "").sum())
        kinds, counts = np.unique(ids if self.whole else ids[ids != ""], return_counts=True)
        found = [f"{lacking} rows have none"] if lacking else []
        if (counts > 1).any():
            most = kinds[counts.argmax()]
            found.append(f"{int((counts > 1).sum())} of its values stand in several rows, such as {most}")
        return [f"data.id={self.name}: {' and '.join(found)}; their row numbers tell them apart"] if found else []
