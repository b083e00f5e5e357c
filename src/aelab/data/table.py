"""The user's own table: CSV or Parquet, one example a row, one value a numeric column and category."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from aelab.data.files.user_files import pick, user_path
from aelab.data.module import DataModule
from aelab.data.preprocessing import NUMBERS
from aelab.data.source import Source
from aelab.data.tables.columns import Columns, fit_columns
from aelab.data.tables.frames import as_labels, odd_one_out, read_frame
from aelab.errors import UserError


class Table(DataModule):
    """Rows ``[D]`` of columns of ``data.path``, standardised by the training part.

    ``columns``: which, in that order; null takes all but the label. ``categorical``: those that are categories, with
    0 or 1 for each (see columns.py); all others must be numeric. ``label``: column of the labels, or of the target
    of a regression; it is never an input. ``missing``: values that are not there are an ``error``, ``drop`` their
    row, take the ``mean`` of their column over the training part, or, ``indicator``, the mean and beside the column
    a value that is 1 where it had none.
    """

    unused: tuple[str, ...] = ()
    missing_choices: tuple[str, ...] = ("error", "drop", "mean", "indicator")

    def __init__(
        self,
        columns: Sequence[str | int] | str | int | None = None,
        label: str | int | None = None,
        missing: str = "error",
        standardize: bool = True,
        categorical: Sequence[str | int] | str | int | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(standardize=standardize, **settings)
        self.columns = [columns] if isinstance(columns, (str, int)) else columns
        self.categorical = [categorical] if isinstance(categorical, (str, int)) else categorical or []
        self.label = None if label is None else str(label)
        self.missing = pick("data.missing", missing, self.missing_choices)

    def label_advice(self) -> str:
        return "name their column with data.label=<column>"

    def read(self) -> Source:
        path = user_path(self.name, self.path, "a .csv or .parquet file")
        frame = read_frame(path)
        label = None if self.label is None else pick("data.label", self.label, frame.columns)
        columns = self._wanted(frame, label)
        if empty := [c for c in columns if frame[c].isna().all()]:
            raise UserError(f"data={self.name}: no values in {', '.join(empty)}; leave them out of data.columns")
        frame = self._without_gaps(frame[[*columns, label] if label else columns])
        if frame.empty:
            raise UserError(f"data={self.name}: every row of {path} has a gap; use data.missing=mean")
        values = self._columns([frame], columns)
        labels = None if label is None else as_labels(frame[label])
        return Source(values.values(frame), labels, fill_missing=self.fills, kind=NUMBERS, columns=values)

    @property
    def fills(self) -> bool:
        """Whether means stand for missing values."""
        return self.missing in ("mean", "indicator")

    def _columns(self, frames: Iterable[pd.DataFrame], columns: Sequence[str]) -> Columns:
        """What the columns are: as a run knows them whose data these are, or as they are in these frames."""
        if self.known is not None and self.known.columns is not None:
            return self.known.columns
        return fit_columns(frames, columns, set(map(str, self.categorical)), self.missing == "indicator")

    def describe(self) -> dict[str, Any]:
        """Sizes, shape, content fingerprints and the names of the values."""
        columns = self.preprocessing.columns
        return super().describe() | ({} if columns is None else {"columns": columns.names})

    def _wanted(self, frame: pd.DataFrame, label: str | None) -> list[str]:
        """The columns that are asked for; UserError where one is unknown, the label, or text and not categorical."""
        wanted = frame.columns if self.columns is None else self.columns
        names = list(dict.fromkeys(pick("data.columns", c, frame.columns) for c in wanted))
        if self.columns is None:
            names = [c for c in names if c != label]
        elif label in names:
            raise UserError(f"data.label={label}: also in data.columns; leave it out of one of them")
        if not names:
            raise UserError(
                f"data.path={self.path}: no column but that of the labels, data.label={label}; an example needs a "
                "value: add columns, or leave data.label out"
            )
        kinds = {pick("data.categorical", c, names) for c in self.categorical}
        numeric = {c for c in names if pd.api.types.is_numeric_dtype(frame[c])}
        if text := [c for c in names if c not in numeric | kinds]:
            rest = [c if c.isidentifier() else repr(c) for c in names if c in numeric and frame[c].notna().any()]
            odd = ", ".join(f"{c} ({odd_one_out(frame[c])})" for c in text)
            fix = f"use data.columns=[{','.join(rest)}]" if rest else "there is no column of numbers"
            raise UserError(
                f"data={self.name}: columns that are not numeric: {odd}; {fix}, or "
                f"data.categorical=[{','.join(map(str, [*self.categorical, *text]))}]"
            )
        return names

    def _without_gaps(self, frame: pd.DataFrame) -> pd.DataFrame:
        gaps = frame.isna().sum()
        gaps = gaps[gaps > 0]
        if self.missing == "drop":
            return frame.dropna()  # an empty rest is refused where it is read
        if self.missing in ("mean", "indicator"):
            gaps = gaps[[c for c in gaps.index if c == self.label]]
        if len(gaps):
            counts = ", ".join(f"{column} ({n} of {len(frame)})" for column, n in gaps.items())
            mean = " or data.missing=mean" if self.missing == "error" else ""
            raise UserError(f"data={self.name}: missing values in {counts}; use data.missing=drop{mean}")
        return frame
