"""The user's own table: CSV or Parquet, one example a row, one value a numeric column."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aelab.data.module import DataModule
from aelab.data.source import Source
from aelab.data.user_files import pick, unreadable, user_path
from aelab.errors import UserError


class Table(DataModule):
    """Rows ``[D]`` of the numeric columns of ``data.path``, standardised by the training part.

    ``columns``: which, in that order; null takes all but the label, and all must be numeric. ``label``:
    column of the labels. ``missing``: values that are not there are an ``error``, ``drop`` their row, or
    take the ``mean`` of their column over the training part.
    """

    def __init__(
        self,
        columns: Sequence[str] | str | None = None,
        label: str | None = None,
        missing: str = "error",
        standardize: bool = True,
        **settings: Any,
    ) -> None:
        super().__init__(standardize=standardize, **settings)
        self.columns = [columns] if isinstance(columns, str) else columns
        self.label = label
        self.missing = pick("data.missing", missing, ("error", "drop", "mean"))

    def label_advice(self) -> str:
        return "name their column with data.label=<column>"

    def read(self) -> Source:
        path = user_path(self.name, self.path, "a .csv or .parquet file")
        frame = read_frame(path)
        label = None if self.label is None else pick("data.label", self.label, frame.columns)
        columns = self._numeric(frame, label)
        frame = self._without_gaps(frame[[*columns, label] if label else columns])
        with np.errstate(over="ignore"):
            x = frame[columns].to_numpy(np.float32, na_value=np.nan)
        labels = None if label is None else as_labels(frame[label])
        return Source(x, labels, fill_missing=self.missing == "mean")

    def _numeric(self, frame: pd.DataFrame, label: str | None) -> list[str]:
        """The columns that are asked for; UserError where one is unknown, text, empty or the label."""
        wanted = frame.columns if self.columns is None else self.columns
        names = [pick("data.columns", c, frame.columns) for c in wanted if self.columns is not None or c != label]
        if label in names:
            raise UserError(f"data.label={label}: also in data.columns; leave it out of one of them")
        numeric = {c for c in names if pd.api.types.is_numeric_dtype(frame[c])}
        if text := [c for c in names if c not in numeric]:
            rest = [c for c in names if c in numeric and frame[c].notna().any()]
            raise UserError(
                f"data={self.name}: not numeric: {', '.join(f'{c} ({example(frame[c])})' for c in text)}; "
                + (f"choose numeric columns, here data.columns=[{','.join(rest)}]" if rest else "none is numeric")
            )
        if empty := [c for c in names if frame[c].isna().all()]:
            raise UserError(f"data={self.name}: no values in {', '.join(empty)}; leave out with data.columns=[...]")
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


def read_frame(path: Path) -> pd.DataFrame:
    """The whole file; the names of its columns are text. UserError where it cannot be read."""
    kind = next((s for s in path.suffixes[::-1] if s in (".csv", ".tsv", ".parquet")), None)
    if kind is None:
        raise UserError(f"data.path={path}: not a .csv (or .tsv, .csv.gz) or .parquet file; save it as one")
    try:
        if kind == ".parquet":
            frame = pd.read_parquet(path)
        else:
            frame = pd.read_csv(path, sep="\t" if kind == ".tsv" else ",", low_memory=False)
    except (OSError, ValueError, ImportError) as error:  # pandas' and pyarrow's own errors are ValueErrors
        raise unreadable(path, error) from error
    if frame.empty:
        raise UserError(f"data.path={path}: no rows below the names of the columns; at least 2 are needed")
    return frame.rename(columns=str)


def as_labels(column: pd.Series) -> np.ndarray:
    """Numbers as they are, anything else as text, ``[N]``."""
    return column.to_numpy() if pd.api.types.is_numeric_dtype(column) else column.to_numpy(dtype=str)


def example(column: pd.Series) -> str:
    """The first value of a column that is not a number, for the eye."""
    odd = column[pd.to_numeric(column, errors="coerce").isna() & column.notna()]
    return repr(str(odd.iloc[0])) if len(odd) else str(column.dtype)
