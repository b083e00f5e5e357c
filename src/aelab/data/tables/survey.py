"""What the columns of a table hold, seen frame by frame: numbers, gaps, and what is neither."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from aelab.config.pasted import pasted
from aelab.data.tables.columns import CATEGORIES
from aelab.data.tables.reading import TableFile
from aelab.data.tables.spelled_numbers import PLAIN, hint
from aelab.errors import UserError

FEW = 3  # different texts in a column of numbers that are strays; more of them are another kind of column
ENOUGH = 20  # rows from which on numbers that count them are no chance
MANY = 20  # columns that advice lists
CLASSES = 50  # different texts that may be labels


@dataclass
class Seen:
    """Of one column. ``truths``: values true or false. ``odd``: values that are no numbers, the first at ``at``.
    ``counts``: whether they are 0, 1, 2, ... or 1, 2, 3, ... from row to row."""

    gaps: int = 0
    numbers: int = 0
    truths: int = 0
    odd: int = 0
    at: int = -1
    truth_at: int = -1
    counts: bool = True
    values: dict[str, None] = field(default_factory=dict)  # different odd ones, in order, up to CATEGORIES + 1

    @property
    def is_number(self) -> bool:
        return not self.odd and not (self.truths and self.numbers)

    @property
    def is_stray(self) -> bool:
        """Whether a few texts stand among numbers."""
        return 0 < len(self.values) <= FEW and self.numbers > self.odd


class Survey:
    """Of the columns ``names`` of a table, those of ``named`` apart, which may hold anything."""

    def __init__(self, table: TableFile, names: Iterable[str], named: Iterable[str]) -> None:
        self.table = table
        self.rows = 0
        self.named = set(named)
        self.seen: dict[str, Seen] = {name: Seen() for name in names}
        self.empty = 0  # rows without any value

    def see(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Take note of a frame, whose index numbers its rows in the table; the same frame."""
        self.rows += len(frame)
        empty: Any = True
        for name, seen in self.seen.items():
            column = frame[name]
            missing = column.isna()
            gaps = int(missing.sum())
            seen.gaps += gaps
            empty = empty & missing if gaps else False
            if name in self.named:
                continue
            filled = len(column) - gaps
            if pd.api.types.is_bool_dtype(column):
                seen.truths += filled
                seen.truth_at = int(column.index[0]) if seen.truth_at < 0 else seen.truth_at
            elif pd.api.types.is_numeric_dtype(column):
                seen.numbers += filled
            elif filled:
                _look(seen, column[~missing], self.table)
            seen.counts = seen.counts and not gaps and _counts(column)
        self.empty += int(np.sum(empty)) if len(frame) else 0
        return frame

    def said(self, missing: str) -> list[str]:
        """What the user should know about columns and rows that are read."""
        lines = []
        if self.rows >= ENOUGH and (
            counters := [name for name, seen in self.seen.items() if seen.counts and name not in self.named]
        ):
            rest = [name for name in self.seen if name not in counters and name not in self.named]
            fix = f", {pasted('data.columns', rest)} leaves it out" if 0 < len(rest) <= MANY else ""
            lines.append(f"column {counters[0]} numbers the rows, which tells nothing of them{fix}")
        if self.empty and missing in ("mean", "indicator"):
            lines.append(
                f"{self.empty} of {self.rows} rows have no value at all; their example is the mean of all others"
            )
        return lines

    def names_of(self, kind: str) -> list[str]:
        """Columns that are ``numbers``, ``odd`` or ``empty``."""
        rest = {name: seen for name, seen in self.seen.items() if name not in self.named}
        if kind == "empty":
            return [name for name, seen in self.seen.items() if seen.gaps == self.rows]
        if kind == "odd":
            return [name for name, seen in rest.items() if not seen.is_number]
        return [name for name, seen in rest.items() if seen.is_number and seen.gaps < self.rows]

    def check_numbers(self, name: str, categorical: list[str], label: str | None, missing: str) -> None:
        """Raise UserError, with ``name`` of the data set, for columns that are no numbers and not categorical.

        ``missing``: what is done about gaps, which is asked for, too, where that is an error.
        """
        odd = self.names_of("odd")
        if not odd:
            return
        mixed = [column for column in odd if not self.seen[column].odd]
        if mixed:
            where = self.table.row(self.seen[mixed[0]].truth_at)
            raise UserError(
                f"data={name}: column {mixed[0]} has true or false in {where} and numbers elsewhere; write 1 and 0, or "
                f"use {pasted('data.categorical', [*categorical, mixed[0]])}"
            )
        strays = [column for column in odd if self.seen[column].is_stray]
        if strays:
            raise self._stray(name, strays)
        self._refuse(name, odd, categorical, label, missing)

    def _stray(self, name: str, strays: list[str]) -> UserError:
        first = min(strays, key=lambda column: self.seen[column].at)
        seen = self.seen[first]
        there = [column for column in strays if self.seen[column].at == seen.at]
        values = [next(iter(self.seen[column].values)) for column in there]
        where = self.table.row(seen.at)
        value = values[0]
        beside = "".join(f", of {c} {v!r}" for c, v in zip(there[1:4], values[1:4], strict=False))
        beside += ", ..." if len(there) > 4 else ""
        numbers = "all others are numbers"
        if seen.odd > 1:
            numbers = f"{seen.odd} of its {seen.odd + seen.numbers} values are no numbers"
        text = f"data={name}: {where} of column {first} is {value!r}{beside}; {numbers}"
        if not self.table.typed and (advice := hint(list(seen.values))):
            return UserError(f"{text}; {pasted(*advice)} reads it as one, or mend the row")
        if self.table.typed and all(PLAIN.fullmatch(value) for value in seen.values):
            return UserError(f"{text}; this is text in the file: make a number of it")
        if len(there) > 1 and all(self.seen[column].odd == 1 for column in there):
            return UserError(f"{text}: it seems to hold units; remove the row")
        gone = pasted("data.missing_values", list(dict.fromkeys(v for c in strays for v in self.seen[c].values)))
        return UserError(f"{text}; remove the row, or use {gone} data.missing=mean where it means that there is none")

    def _refuse(self, name: str, odd: list[str], categorical: list[str], label: str | None, missing: str) -> None:
        shown = ", ".join(f"{column} ({next(iter(self.seen[column].values))!r})" for column in odd)
        text = f"data={name}: columns that are not numeric: {shown}"
        hints = [None if self.table.typed else hint(list(self.seen[column].values)[:20]) for column in odd]
        if hints[0] and all(found == hints[0] for found in hints):
            raise UserError(f"{text}; use {pasted(*hints[0])}")
        numeric = self.names_of("numbers")
        fixes = [f"use {pasted('data.columns', numeric)}" if numeric else "there is no column of numbers"]
        kinds = [column for column in odd if self._repeats(column, CATEGORIES)]
        if kinds:
            fixes.append(pasted("data.categorical", [*categorical, *kinds]))
        texts = [column for column in odd if all(PLAIN.fullmatch(value) for value in self.seen[column].values)]
        if self.table.typed and texts:
            fixes.append(f"make numbers of the text in {', '.join(texts[:5])}")
        classes = [column for column in kinds if len(self.seen[column].values) > 1 and self._repeats(column, CLASSES)]
        if label is None and classes and numeric:
            fixes.append(f"{pasted('data.label', classes[-1])} where it is what to tell apart")
        gaps = [column for column, seen in self.seen.items() if seen.gaps] if missing == "error" else []
        beside = f"; beside it data.missing=mean or drop, for the gaps in {', '.join(gaps[:5])}" if gaps else ""
        raise UserError(f"{text}; {', or '.join(fixes)}{beside}")

    def _repeats(self, column: str, most: int) -> bool:
        seen = self.seen[column]
        return len(seen.values) <= min(most, max(20, seen.odd // 2))

    def check_gaps(self, name: str, missing: str, beside: Collection[str]) -> None:
        """Raise UserError for values that are not there, where ``missing`` has no use for them, as in what stands
        ``beside`` inputs."""
        gaps = {column: seen.gaps for column, seen in self.seen.items() if seen.gaps}
        if missing == "drop":
            return
        if missing != "error":
            gaps = {column: count for column, count in gaps.items() if column in beside}
        if gaps:
            counts = ", ".join(f"{column} ({n} of {self.rows})" for column, n in gaps.items())
            mean = " or data.missing=mean" if missing == "error" else ""
            raise UserError(f"data={name}: missing values in {counts}; use data.missing=drop{mean}")


def _counts(column: pd.Series) -> bool:
    if not pd.api.types.is_integer_dtype(column) or not len(column):
        return not len(column)
    first = int(column.iloc[0]) - int(column.index[0])
    return first in (0, 1) and bool((column - column.index == first).all())


def _look(seen: Seen, column: pd.Series, table: TableFile) -> None:
    """Values of a column that is no plain column of numbers."""
    truths = column.map(lambda value: isinstance(value, bool)).astype(bool) if column.dtype == object else None
    if truths is not None and truths.any():
        seen.truths += int(truths.sum())
        seen.truth_at = int(truths.index[int(truths.to_numpy().argmax())]) if seen.truth_at < 0 else seen.truth_at
        column = column[~truths]
    found = table.as_numbers(column)
    odd = column[found.isna()]
    seen.numbers += len(column) - len(odd)
    seen.odd += len(odd)
    if not len(odd):
        return
    seen.at = int(odd.index[0]) if seen.at < 0 else seen.at
    for value in pd.unique(odd.map(str) if odd.dtype == object else odd.astype(str)):  # bytes may be no text
        if len(seen.values) > CATEGORIES:
            break
        seen.values.setdefault(re.sub(r"\s+", " ", value)[:60])
