"""The user's own table: CSV or Parquet, one example a row, one value a numeric column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from aelab.data.frames import as_labels, odd_one_out, read_frame
from aelab.data.module import DataModule
from aelab.data.source import Source
from aelab.data.user_files import pick, user_path
from aelab.errors import UserError


class Table(DataModule):
    """Rows ``[D]`` of the numeric columns of ``data.path``, standardised by the training part.

    ``columns``: which, in that order; null takes all but the label, and all must be numeric. ``label``:
    column of the labels. ``missing``: values that are not there are an ``error``, ``drop`` their row, or
    take the ``mean`` of their column over the training part.
    """

    def __init__(
        self,
        columns: Sequence[str | int] | str | int | None = None,
        label: str | int | None = None,
        missing: str = "error",
        standardize: bool = True,
        **settings: Any,
    ) -> None:
        super().__init__(standardize=standardize, **settings)
        self.columns = [columns] if isinstance(columns, (str, int)) else columns
        self.label = None if label is None else str(label)
        self.missing = pick("data.missing", missing, ("error", "drop", "mean"))

    def label_advice(self) -> str:
        return "name their column with data.label=<column>"

    def read(self) -> Source:
        path = user_path(self.name, self.path, "a .csv or .parquet file")
        frame = read_frame(path)
        label = None if self.label is None else pick("data.label", self.label, frame.columns)
        columns = self._numeric(frame, label)
        if empty := [c for c in columns if frame[c].isna().all()]:
            raise UserError(f"data={self.name}: no values in {', '.join(empty)}; leave them out of data.columns")
        frame = self._without_gaps(frame[[*columns, label] if label else columns])
        with np.errstate(over="ignore"):
            x = frame[columns].to_numpy(np.float32, na_value=np.nan)
        labels = None if label is None else as_labels(frame[label])
        return Source(x, labels, fill_missing=self.missing == "mean")

    def _numeric(self, frame: pd.DataFrame, label: str | None) -> list[str]:
        """The columns that are asked for; UserError where one is unknown, text or the label."""
        wanted = frame.columns if self.columns is None else self.columns
        names = list(dict.fromkeys(pick("data.columns", c, frame.columns) for c in wanted))
        if self.columns is None:
            names = [c for c in names if c != label]
        elif label in names:
            raise UserError(f"data.label={label}: also in data.columns; leave it out of one of them")
        numeric = {c for c in names if pd.api.types.is_numeric_dtype(frame[c])}
        if text := [c for c in names if c not in numeric]:
            rest = [c if c.isidentifier() else repr(c) for c in names if c in numeric and frame[c].notna().any()]
            odd = ", ".join(f"{c} ({odd_one_out(frame[c])})" for c in text)
            fix = f"use data.columns=[{','.join(rest)}]" if rest else "there is no column of numbers"
            raise UserError(f"data={self.name}: columns that are not numeric: {odd}; {fix}")
        return names

    def _without_gaps(self, frame: pd.DataFrame) -> pd.DataFrame:
        gaps = frame.isna().sum()
        gaps = gaps[gaps > 0]
        if self.missing == "drop":
            return frame.dropna()  # an empty rest is refused by Source.check
        if self.missing == "mean":
            gaps = gaps[[c for c in gaps.index if c == self.label]]
        if len(gaps):
            counts = ", ".join(f"{column} ({n} of {len(frame)})" for column, n in gaps.items())
            mean = "" if self.missing == "mean" else " or data.missing=mean"
            raise UserError(f"data={self.name}: missing values in {counts}; use data.missing=drop{mean}")
        return frame
