"""New rows of a table: a file, or a folder of parts, with the columns that the run was trained with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aelab.config.pasted import pasted
from aelab.data.files.user_files import pick
from aelab.data.tables.format import Format
from aelab.data.tables.frames import keys_for, open_table
from aelab.data.tables.spelled_numbers import PLAIN, hint
from aelab.data.tables.unknown_categories import UnknownCategories
from aelab.errors import UserError
from aelab.trained.frames import columns_of, others_in
from aelab.trained.run import Run
from aelab.trained.unseen.protocol import CHUNK, Origin, named

MARKS = ("decimal", "thousands")


class UnseenTable:
    """Rows of the table at ``path``, in the order of the file.

    ``settings``: the run's own keys of data, and those of the user, ``typed``, instead of them.
    """

    def __init__(self, run: Run, path: Path, settings: Mapping[str, Any], typed: Mapping[str, Any]) -> None:
        self.path = path
        with named(path):
            self.table = open_table(path, _format(run, path, settings, typed))
        header = pd.DataFrame(columns=pd.Index(self.table.names))
        self.columns = columns_of(run, header)
        try:
            self.names = [self.table.names[place] for place in self.columns.places(self.table.names)]
        except UserError as error:
            raise UserError(f"path={path}: {error}") from error
        self.unknown = UnknownCategories()
        self.lacking = 0
        self.said = [f"path={path}: {line}" for line in self.table.said]
        self.id = self._id(settings.get("id"), typed.get("id"))
        label = settings.get("label")
        if label is not None and str(label) in self.table.names:
            self.said.append(f"path={path}: column {label}, the run's labels, is not looked at")
        if more := [name for name in others_in(run, header) if name != self.id]:
            some = ", ".join(more[:10]) + (", ..." if len(more) > 10 else "")
            self.said.append(f"path={path}: left out columns that the run was not trained with: {some}")

    def _id(self, known: object, asked: object) -> str | None:
        if asked is not None:
            name = pick("data.id", asked, self.table.names)
            if name in self.names:
                raise UserError(f"data.id={name}: the run was trained with it; name another column, or leave it out")
            return name
        if known is None or str(known) in self.table.names:
            return None if known is None else str(known)
        self.said.append(f"path={self.path}: no column {known}, the run's data.id; rows are told by their number")
        return None

    def pieces(self) -> Iterator[tuple[Origin, np.ndarray]]:
        wanted = self.names if self.id is None else [*self.names, self.id]
        kinds = {name for name, column in zip(self.names, self.columns, strict=True) if column.categories is not None}
        with named(self.path):
            for frame in self.table.frames(CHUNK, wanted, kinds if self.id is None else {*kinds, self.id}):
                origin: Origin = {"row": frame.index.to_numpy()}
                if self.id is not None:
                    ids = frame[self.id]
                    self.lacking += int(ids.isna().sum())
                    origin["id"] = ids.astype(object).where(ids.notna(), None).to_numpy()
                yield origin, self._values(frame)
        if not self.unknown.rows:
            raise UserError(f"path={self.path}: no rows below the names of the columns")

    def _values(self, frame: pd.DataFrame) -> np.ndarray:
        self._check_numbers(frame)
        inputs = frame[self.names].set_axis([column.name for column in self.columns], axis=1)
        try:
            return self.columns.values(inputs, self.unknown)
        except UserError as error:
            raise UserError(f"path={self.path}: {error}") from error

    def _check_numbers(self, frame: pd.DataFrame) -> None:
        """Raise UserError for the first value that is no number where the run was trained on numbers."""
        for name, column in zip(self.names, self.columns, strict=True):
            series = frame[name]
            if column.categories is not None or pd.api.types.is_numeric_dtype(series):
                continue
            truth = series.map(lambda value: isinstance(value, bool), na_action="ignore").eq(True)
            odd = self.table.as_numbers(series).isna() & series.notna() & ~truth
            if odd.any():
                place = int(odd.to_numpy().argmax())
                value = str(series.iloc[place])
                fix = f"mend it, or use {pasted('data.missing_values', [value])} where it means that there is none"
                if PLAIN.fullmatch(value.strip()):
                    fix = f"{pasted('data.decimal', '.')} reads it as one"
                elif advice := hint([value]):
                    fix = f"{pasted(*advice)} reads it as one"
                where = self.table.row(int(series.index[place]))
                raise UserError(
                    f"path={self.path}: {where} of column {name} is {value!r}, and the run was trained on numbers "
                    f"there; {fix}"
                )

    def found(self) -> list[str]:
        try:
            lines = self.unknown.said()
        except UserError as error:
            raise UserError(f"path={self.path}: {error}") from error
        if self.lacking:
            lines.append(
                f"{self.lacking} of {self.unknown.rows} rows have no {self.id}; their row numbers tell them apart"
            )
        return lines


def _format(run: Run, path: Path, settings: Mapping[str, Any], typed: Mapping[str, Any]) -> Format:
    """How the file is written: as the user says, else as the run's own was, as far as such a file has these keys.

    The signs in numbers are those of the run's table, also where they were found out: a few rows more may not tell.
    """
    keys = keys_for(path)
    found = {key: value for key in keys if (value := settings.get(key)) is not None}
    marks = run.manifest["data"].get("marks")
    if isinstance(marks, Mapping) and not any(key in found or key in typed for key in MARKS):
        found |= {key: sign for key, sign in marks.items() if key in keys and key in MARKS}
    return Format.of(**{**found, **{key: value for key, value in typed.items() if key in Format.__dataclass_fields__}})
