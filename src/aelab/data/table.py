"""The user's own table: one example a row, one value a numeric column and category."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from aelab.config.pasted import pasted
from aelab.data.files.user_files import pick, user_path
from aelab.data.given import Raw, label_column
from aelab.data.module import DataModule
from aelab.data.preprocessing import NUMBERS
from aelab.data.source import Source
from aelab.data.tables.columns import Columns, fit_columns
from aelab.data.tables.format import Format, Missing
from aelab.data.tables.frames import WANTED, open_table
from aelab.data.tables.reading import TableFile
from aelab.data.tables.saved_index import is_saved_index
from aelab.data.tables.survey import Survey
from aelab.data.tables.wanted import Beside, Wanted
from aelab.errors import UserError


def _check_apart(columns: Sequence[tuple[str, str | None]]) -> None:
    """UserError where one column would be two things, but labels may be given."""
    found: dict[str, str] = {}
    for key, name in columns:
        before = found.get(name or "")
        if name is not None and before is not None and (before, key) != ("label", "given"):
            raise UserError(f"data.{key}={name}: also data.{before}; leave one of them out")
        if name is not None:
            found.setdefault(name, key)


class Table(DataModule):
    """Rows ``[D]`` of columns of ``data.path``, standardised by the training part.

    ``columns``: which, in that order; null takes all but the label. ``categorical``: those that are categories, with
    0 or 1 for each (see columns.py); all others must be numeric. ``label``: column of the labels, or of the target
    of a regression; it is never an input. ``id``: column that names the rows; no input either, but codes and scores are
    written beside it. ``given``: columns that encoder and decoder are given beside the inputs, which they are then none
    of. ``weight``: column of what each row counts, 0 or more. ``missing``: values that are not there are an ``error``,
    ``drop`` their row, take the ``mean`` of their column over the training part, or, ``indicator``, the mean and
    beside the column a value that is 1 where it had none; or, ``mask``, they stay out of errors and metrics, and the
    encoder sees
    the mean. ``separator`` to ``skip_rows``: how the file is written (see format.py).
    """

    unused: tuple[str, ...] = ()
    missing_choices: tuple[str, ...] = ("error", "drop", "mean", "indicator", "mask")

    def __init__(
        self,
        columns: Sequence[str | int] | str | int | None = None,
        label: str | int | None = None,
        id: str | int | None = None,
        weight: str | int | None = None,
        missing: str = "error",
        standardize: bool = True,
        categorical: Sequence[str | int] | str | int | None = None,
        separator: str | None = None,
        decimal: str | None = None,
        header: str | None = None,
        encoding: str | None = None,
        comment: str | None = None,
        missing_values: Sequence[Missing] | Missing | None = None,
        thousands: str | None = None,
        skip_rows: int = 0,
        **settings: Any,
    ) -> None:
        super().__init__(standardize=standardize, **settings)
        self.columns = [columns] if isinstance(columns, (str, int)) else columns
        self.categorical = [categorical] if isinstance(categorical, (str, int)) else categorical or []
        self.label = None if label is None else str(label)
        self.id = None if id is None else str(id)
        self.weight = None if weight is None else str(weight)
        self.marks: dict[str, str] = {}
        self.missing = pick("data.missing", missing, self.missing_choices)
        self.format = Format.of(
            separator, missing_values, decimal=decimal, header=header, encoding=encoding, comment=comment,
            thousands=thousands, skip_rows=skip_rows,
        )  # fmt: skip

    def label_advice(self) -> str:
        return "name their column with data.label=<column>"

    def read(self) -> Source:
        path = user_path(self.name, self.path, WANTED)
        table = self._opened(path)
        wanted = self._wanted(table)
        survey = self._survey(table, wanted)
        beside = Beside(table, wanted, set(map(str, self.categorical)))
        [frame] = self._frames(table, None, wanted)
        survey.see(frame)
        self._check(survey, path, wanted)
        frame = self._whole_rows(frame, wanted)
        self._check_rows(frame, table, wanted)
        if frame.empty:
            raise UserError(f"data={self.name}: every row of {path} has a gap; use data.missing=mean")
        values = self._columns([frame], wanted.columns)
        beside.see(frame)
        origin = beside.values(frame)
        self.marks = table.marks
        self.say(*table.said, *survey.said(self.missing), *beside.said(origin.get("id")))
        labels = origin.pop("labels", None)
        weight = origin.pop("weight", None)
        given = {name: origin.pop(f"given_{place}") for place, name in enumerate(wanted.given)}
        return Source(
            values.values(frame), labels, fill_missing=self.fills, kind=NUMBERS, columns=values, gaps=self.masks,
            origin=origin, given=given, categorical=self._levels(given, wanted.label), weight=weight,
        )  # fmt: skip

    def _levels(self, given: Raw, label: str | None) -> tuple[str, ...]:
        """The given columns that are categories: those in ``categorical``, and labels that are no numbers between."""
        asked = set(map(str, self.categorical))
        return tuple(
            name for name, values in given.items() if name in asked or (name == label and label_column(values)[1])
        )

    def _opened(self, path: Path) -> TableFile:
        return open_table(path, self.format)

    def _frames(self, table: TableFile, size: int | None, wanted: Wanted) -> Iterator[pd.DataFrame]:
        """The columns that are wanted, whole or about ``size`` bytes at a time."""
        exact = {*map(str, self.categorical), *wanted.anything}
        return table.frames(size, [*wanted.columns, *wanted.beside], exact)

    def _survey(self, table: TableFile, wanted: Wanted) -> Survey:
        return Survey(table, wanted.filled, {*map(str, self.categorical), *wanted.anything})

    def _check(self, survey: Survey, path: Path, wanted: Wanted) -> None:
        """Raise UserError where a whole table, as it was seen, cannot be used."""
        label = wanted.label
        if not survey.rows:
            raise UserError(f"data.path={path}: no rows below the names of the columns; at least 2 are needed")
        survey.check_numbers(self.name, list(map(str, self.categorical)), label, self.missing)
        if empty := [c for c in survey.names_of("empty") if c not in wanted.whole]:
            raise UserError(f"data={self.name}: no values in {', '.join(empty)}; leave them out of data.columns")
        survey.check_gaps(self.name, self.missing, wanted.whole)

    def _whole_rows(self, frame: pd.DataFrame, wanted: Wanted) -> pd.DataFrame:
        return frame.dropna(subset=wanted.filled) if self.missing == "drop" else frame

    def _check_rows(self, frame: pd.DataFrame, table: TableFile, wanted: Wanted) -> None:
        """Raise UserError for the first row of which nothing is known, where that is left out of errors."""
        empty = frame[list(wanted.columns)].isna().all(axis=1).to_numpy()
        if self.masks and empty.any():
            where = table.row(int(frame.index[int(empty.argmax())]))
            raise UserError(
                f"data={self.name}: {where} has no value in any of {len(wanted.columns)} columns ({int(empty.sum())} "
                "such rows), so no error can be measured of it; remove it, or use data.missing=mean"
            )

    @property
    def fills(self) -> bool:
        """Whether means stand for missing values."""
        return self.missing in ("mean", "indicator")

    @property
    def masks(self) -> bool:
        """Whether missing values stay missing."""
        return self.missing == "mask"

    def _columns(self, frames: Iterable[pd.DataFrame], columns: Sequence[str]) -> Columns:
        """What the columns are: as a run knows them whose data these are, or as they are in these frames."""
        if self.known is not None and self.known.columns is not None:
            return self.known.columns
        return fit_columns(frames, columns, set(map(str, self.categorical)), self.missing == "indicator")

    def describe(self) -> dict[str, Any]:
        """Sizes, shape, content fingerprints and the names of the values."""
        columns = self.preprocessing.columns
        marks = {"marks": self.marks} if self.marks else {}
        return super().describe() | ({} if columns is None else {"columns": columns.names}) | marks

    def _wanted(self, table: TableFile) -> Wanted:
        """The columns that are asked for; UserError where one is unknown, or would be an input and something else."""
        label = None if self.label is None else pick("data.label", self.label, table.names)
        id = None if self.id is None else pick("data.id", self.id, table.names)
        weight = None if self.weight is None else pick("data.weight", self.weight, table.names)
        given = [pick("data.given", name, table.names) for name in self.given_names]
        alone = [("label", label), ("id", id), ("weight", weight)]
        _check_apart([*alone, *(("given", name) for name in given)])
        beside = Wanted([], label, id, given, weight).beside
        known = None if self.known is None else self.known.columns
        if self.columns is None:
            left_out = self._left_out(table, beside) if known is None else []
            names = [c for c in table.names if c not in (*beside, *left_out)]
            if known is not None:  # of a run, which has decided what to leave out
                names = [column.name for column in known if column.name in names]
        else:
            names = list(dict.fromkeys(pick("data.columns", c, table.names) for c in self.columns))
        alone += [("given", name) for name in given]
        for key, name in alone:
            if self.columns is not None and name in names:
                raise UserError(f"data.{key}={name}: also in data.columns; leave it out of one of them")
        if not names:
            said = " ".join(f"data.{key}={name}" for key, name in alone if name is not None)
            but, fix = (f"but that of {said}", f", or leave {said} out") if said else ("that is an input", "")
            raise UserError(f"data.path={self.path}: no column {but}; an example needs a value: add columns{fix}")
        for c in self.categorical:
            pick("data.categorical", c, [*names, *given])
        return Wanted(names, label, id, given, weight)

    def _left_out(self, table: TableFile, beside: Sequence[str]) -> list[str]:
        """Columns that number the rows: an index that was saved with the table, which is no input."""
        kept = {*map(str, self.categorical), *beside}
        found = [name for name in table.set_aside if name not in kept]
        for name in table.nameless:
            if name in kept:
                continue
            others = [c for c in table.names if c not in (*table.nameless, *beside)]
            first = table.names[: table.names.index(name)]
            if all(before in found for before in first) and others and is_saved_index(table, name):
                found.append(name)
                continue
            raise UserError(
                f"data.path={self.path}: column {table.names.index(name) + 1} has no name; give it one in row 1, or "
                f"leave it out with {pasted('data.columns', others or [name])}"
            )
        if found:
            self.say(
                f"left out {', '.join(found)}, the saved index of the rows; "
                f"{pasted('data.columns', [c for c in table.names if c not in beside][:20])} would take it in"
            )
        return found
