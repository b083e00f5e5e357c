"""A table of Excel: the first sheet that has one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

from aelab.data.tables.format import Format
from aelab.data.tables.reading import readable
from aelab.data.tables.typed_columns import masked, only_numbers
from aelab.errors import UserError
from aelab.machines.regular_files import open_regular


class ExcelFile:
    """The first sheet of a workbook, of which a row of names and the rows below are read, whole."""

    typed = True

    def __init__(self, path: Path, format: Format) -> None:
        format.only("Excel", "missing_values", "header")
        if find_spec("openpyxl") is None:
            raise UserError(f'data.path={path}: Excel needs openpyxl; run: pip install "aelab[excel]"')
        self.path = path
        self.missing = format.missing_values
        self.said: list[str] = []
        self.set_aside: list[str] = []
        self.header = None if format.header == "none" else 0
        with readable(path), open_regular(path) as file:
            try:
                self.table, sheets = _first_sheet(file, self.header)
            except (AttributeError, TypeError, IndexError) as error:  # openpyxl's, of a workbook that is damaged
                raise ValueError(str(error)) from error
        if len(sheets) > 1:
            self.said.append(f"read the sheet {sheets[0]!r} of {path}, the first of {len(sheets)}")
        columns = list(self.table.columns)
        empty = [c for c in columns if str(c).startswith("Unnamed: ") and self.table[c].isna().all()]
        self.table = self.table.drop(columns=empty).dropna(how="all")
        self.marks: dict[str, str] = {}
        names = [str(name).strip() for name in self.table.columns]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise UserError(f"data.path={path}: two columns are called {twice}; give each a name of its own")
        self.table.columns = pd.Index(names)
        self.names = names
        self.nameless = [name for name in names if name.startswith("Unnamed: ")]

    def frames(self, size: int | None, wanted: Sequence[str], exact: Collection[str]) -> Iterator[pd.DataFrame]:
        """Columns of the table, whole or some rows at a time; those in ``exact`` as they are written."""
        rows = len(self.table) if size is None else max(1, size // (4 * max(1, len(self.names))))
        for start in range(0, max(1, len(self.table)), max(1, rows)):
            frame = self.table.iloc[start : start + rows][list(wanted)]
            kept = {name: frame[name] if name in exact else frame[name].infer_objects() for name in wanted}
            yield masked(pd.DataFrame(kept, frame.index), self.missing)

    def as_numbers(self, column: pd.Series) -> pd.Series:
        """Numbers of a column that has others beside them; text is none."""
        return only_numbers(column)

    def row(self, index: int) -> str:
        """As Excel counts it."""
        return f"row {index + 1 + (self.header is not None)}"


def _first_sheet(file: Any, header: int | None) -> tuple[pd.DataFrame, list[Any]]:
    with pd.ExcelFile(file, engine="openpyxl") as book:
        return pd.read_excel(book, sheet_name=0, header=header, dtype=object), list(book.sheet_names)
