"""A table of Excel: the first sheet that has one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

from aelab.config.pasted import pasted
from aelab.data.tables.format import Format
from aelab.data.tables.names import distinct, is_nameless, renamed
from aelab.data.tables.reading import readable
from aelab.data.tables.typed_columns import masked, only_numbers
from aelab.errors import UserError
from aelab.machines.regular_files import open_regular


class ExcelFile:
    """The first sheet of a workbook that is seen and has rows: a row of names and the rows below, read whole."""

    typed = True

    def __init__(self, path: Path, format: Format) -> None:
        format.only("Excel", "missing_values", "header", "skip_rows")
        if find_spec("openpyxl") is None:
            raise UserError(f'data.path={path}: Excel needs openpyxl; run: pip install "aelab[excel]"')
        self.path = path
        self.missing = format.missing_values
        self.set_aside: list[str] = []
        self.marks: dict[str, str] = {}
        with readable(path), open_regular(path) as file:
            try:
                cells, self.said = _first_sheet(file, path)
            except (AttributeError, TypeError, IndexError) as error:  # openpyxl's, of a workbook that is damaged
                raise ValueError(str(error)) from error
        cells = cells.iloc[format.skip_rows :].dropna(how="all").dropna(how="all", axis=1)
        if format.header == "none":
            self.names = [str(index) for index in range(cells.shape[1])]
            self.nameless = []
            self.above = format.skip_rows  # rows of the sheet above the first example
        else:
            own = ["" if pd.isna(cell) else str(cell).strip() for cell in (cells.iloc[0] if len(cells) else ())]
            self._check_names(own, cells, format)
            self.above = int(cells.index[0]) + 1 if len(cells) else 0
            self.names = distinct(own)
            cells = cells.iloc[1:]
            self.said += renamed(own, self.names)
            self.nameless = [name for name, text in zip(self.names, own, strict=True) if is_nameless(text)]
        self.table = cells.set_axis(cells.index - self.above).set_axis(self.names, axis=1)

    def _check_names(self, own: list[str], cells: pd.DataFrame, format: Format) -> None:
        """Raise UserError where what should be names is a title, or an example."""
        if len(own) > 1 and sum(map(bool, own)) == 1:
            below = cells.index[cells.notna().sum(axis=1) > 1]
            fix = pasted("data.skip_rows", int(below[0])) if len(below) else "name another file"
            raise UserError(
                f"data.path={self.path}: row {cells.index[0] + 1} has one name, {own[0] or max(own)}, for {len(own)} "
                f"columns; {fix} where the names stand below"
            )
        numbers = (
            [cell for cell in cells.iloc[0] if isinstance(cell, float) and not pd.isna(cell)] if len(cells) else []
        )
        if format.header is None and numbers:
            raise UserError(
                f"data.path={self.path}: row {cells.index[0] + 1} ({', '.join(own[:4])}) looks like numbers, not names "
                "of columns; data.header=none where it is the first example, data.header=first where these are names"
            )

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
        return f"row {index + self.above + 1}"


def _first_sheet(file: Any, path: Path) -> tuple[pd.DataFrame, list[str]]:
    """Cells of the first sheet that is seen and is not empty, by row and column, and which it is if there are more."""
    with pd.ExcelFile(file, engine="openpyxl") as book:
        sheets = book.book.worksheets
        cells = pd.DataFrame()
        for sheet in [sheet for sheet in sheets if sheet.sheet_state == "visible"]:
            cells = pd.read_excel(book, sheet_name=sheet.title, header=None, dtype=object)
            if len(cells.dropna(how="all")) > 1:
                said = f"read the sheet {sheet.title!r} of {path}, one of {len(sheets)}"
                return cells, [said] if len(sheets) > 1 else []
    return cells, []
