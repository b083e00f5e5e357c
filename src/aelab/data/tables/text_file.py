"""A table as text: CSV and its like."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Any, TextIO

import pandas as pd

from aelab.config.pasted import pasted
from aelab.data.tables.format import Format
from aelab.data.tables.names import distinct, is_nameless, renamed
from aelab.data.tables.reading import readable
from aelab.data.tables.sniffed import SAMPLE, names_in, sniffed
from aelab.data.tables.spelled_numbers import is_number, numbers
from aelab.data.tables.text_lines import EXCEL, fields_of, open_text
from aelab.errors import UserError

TITLE = 50  # lines at most that may stand above a table
SHOWN = {"\t": "tabs", "whitespace": "spaces"}
NONE = (
    "", "NA", "N/A", "n/a", "NaN", "nan", "-NaN", "-nan", "null", "NULL", "None", "<NA>", "#N/A", "#NA", "1.#IND",
    "-1.#IND", "1.#QNAN", "-1.#QNAN",
)  # fmt: skip
"""What pandas takes for no value, which spaces around it do not change."""


class TextFile:
    """Rows of fields. ``format`` is complete: what the user left open is found out.

    Every row must have as many fields as there are names; what stands beyond them must be empty everywhere, as behind
    a separator at the end of each line.
    """

    typed = False

    def __init__(self, path: Path, format: Format) -> None:
        self.path = path
        self.format = format
        self.set_aside: list[str] = []
        with self._open() as file:
            mark = EXCEL.fullmatch(file.readline())
        if mark is not None and not format.skip_rows:
            format = self.format = replace(format, separator=format.separator or mark[1], skip_rows=1)
        with self._open() as file:
            self.format = sniffed(path, file, format)
        self.said = self._said(format)
        self.marks = {key: sign for key in ("decimal", "thousands") if (sign := getattr(self.format, key)) is not None}
        self.names, self.nameless = self._counted()

    @contextmanager
    def _open(self) -> Iterator[TextIO]:
        with readable(self.path), open_text(self.path, self.format.encoding) as file:
            self._rewind(file)
            yield file

    def _rewind(self, file: TextIO) -> None:
        """To the names, or the first row where there are none."""
        file.seek(0)
        for _ in range(self.format.skip_rows):
            file.readline()

    def _said(self, asked: Format) -> list[str]:
        found = []
        if asked.separator is None and self.format.separator not in (",", "\t"):
            found.append(f"separated by {SHOWN.get(str(self.format.separator), repr(self.format.separator))}")
        if asked.decimal is None and self.format.decimal == ",":
            found.append("decimal mark ','")
        if asked.thousands is None and self.format.thousands:
            found.append(f"thousands marked by {self.format.thousands!r}")
        return [f"read {self.path} as {', '.join(found)}"] if found else []

    def _counted(self) -> tuple[list[str], list[str]]:
        """Names, and those that stand for none; UserError where a row has another number of fields."""
        with self._open() as file:
            line, first = next(fields_of(file, self.format), (1, []))
            if not first:
                raise UserError(f"data.path={self.path}: cannot be read (it is empty); check the file or save it anew")
            if self.format.header == "none":
                count = whole = names_in(first)
                self._rewind(file)
                line = 0
            else:
                count = names_in(first)
                whole = len(first)
            used = self._check_rows(file, line, count, whole)
        if used and count == 1 and self.format.header != "none":
            raise self._uneven(line + 1, whole, count)
        if used:
            count = whole
        if self.format.header == "none":
            return [str(index) for index in range(count)], []
        own = [name.strip() for name in first[:count]]
        names = distinct(own)
        self.said += renamed(own, names)
        return names, [name for name, text in zip(names, own, strict=True) if is_nameless(text)]

    def _check_rows(self, file: TextIO, line: int, count: int, whole: int) -> bool:
        """Whether fields below empty names at the end of the header are used; UserError where rows are uneven."""
        separator = self.format.separator or ","
        plain = self.format.comment is None and len(separator) == 1
        rest: Iterator[str] = iter(file)
        for text in rest if plain else ():
            line += 1
            if '"' in text or text.count(separator) != count - 1:
                rest = chain([text], rest)
                line -= 1
                break
        used = False
        short = 0
        for number, row in fields_of(rest, self.format):
            fields = len(row)
            if fields < count:
                raise self._uneven(line + number, fields, count)
            if fields > count:
                beyond = names_in(row)
                if beyond > whole:
                    raise self._uneven(line + number, fields, count)
                used = used or beyond > count
            short = short or (line + number if fields < whole else 0)
        if used and short:
            raise self._uneven(short, count, whole)
        return used

    def _uneven(self, line: int, fields: int, count: int) -> UserError:
        sign = str(self.format.separator)
        many = "row" if self.format.header == "none" else "header"
        names = "fields" if many == "row" else "names" if count != 1 else "name"
        which = "the first row" if many == "row" else "the header"
        fix = "give every column a name, mend the row, or delete what stands above the names"
        if fields == 2 * count and sign == ",":
            german = f"{pasted('data.separator', 'semicolon')} {pasted('data.decimal', ',')}"
            fix += f"; where ',' is a decimal mark: {german}, with another sign between the fields"
        elif fields == count + 1 and line == 2:
            fix += "; where R has saved names of rows, save it with row.names=FALSE"
        elif title := self._title():
            fix = f"{title} where the table begins below; else {fix}"
        elif count == 1:
            fix += f"; or name the sign between the fields, like {pasted('data.separator', 'semicolon')}"
        where = f"row {line + self.format.skip_rows}"
        return UserError(
            f"data.path={self.path}: {where} has {fields} field{'s' * (fields != 1)} and {which} {count} {names}, "
            f"separated by {SHOWN.get(sign, repr(sign))}; {fix}"
        )

    def _title(self) -> str | None:
        """The keys that leave out what stands above a table: the first rows, where all that follow are alike."""
        with self._open() as file:
            rows = list(islice(fields_of(file, self.format), SAMPLE))
        width = len(rows[-1][1])
        first = len(rows)
        if len(rows[0][1]) == width and names_in(rows[0][1]) > 1:
            return None
        while first and len(rows[first - 1][1]) == width and names_in(rows[first - 1][1]) > 1:
            first -= 1
        if not 0 < first <= TITLE or len(rows) - first < 3 or width < 2:
            return None
        line, row = rows[first]
        keys = [pasted("data.skip_rows", line - 1 + self.format.skip_rows)]
        return " ".join(keys + ["data.header=none"] * all(is_number(cell) for cell in row if cell.strip()))

    def frames(self, size: int | None, wanted: Sequence[str], exact: Collection[str]) -> Iterator[pd.DataFrame]:
        """Columns of the table, whole or about ``size`` bytes of float32 at a time; those in ``exact`` as text."""
        places = [self.names.index(name) for name in wanted]
        grouped = self.format.thousands is not None
        options: dict[str, Any] = {
            "sep": r"\s+" if self.format.separator == "whitespace" else self.format.separator,
            "decimal": self.format.decimal,
            "comment": self.format.comment,
            "na_values": [str(value) for value in self.format.missing_values],
            "header": None,
            "index_col": False,
            "names": self.names,
            "usecols": places,  # what stands beyond is empty and left out
            "dtype": dict.fromkeys(wanted if grouped else set(exact) & set(wanted), str),
            "low_memory": False,
        }
        with self._open() as file:
            if self.format.header != "none":
                next(fields_of(file, self.format))
            if size is None:
                yield self._typed(pd.read_csv(file, **options), wanted, exact)
                return
            rows = max(1, size // (4 * max(1, len(self.names))))
            with pd.read_csv(file, chunksize=rows, **options) as frames:
                for frame in frames:
                    yield self._typed(frame, wanted, exact)

    def _typed(self, frame: pd.DataFrame, wanted: Sequence[str], exact: Collection[str]) -> pd.DataFrame:
        frame = frame[list(wanted)]
        for name in wanted:
            if name in exact or pd.api.types.is_numeric_dtype(frame[name]):
                continue
            column = frame[name].mask(frame[name].astype("str").str.strip().isin(NONE))
            found = self.as_numbers(column)
            frame = frame.assign(**{name: found if found.notna().sum() == column.notna().sum() else column})
        return frame

    def as_numbers(self, column: pd.Series) -> pd.Series:
        """Text as float64; NaN where it is no number."""
        return numbers(column, self.format.decimal or ".", self.format.thousands)

    def row(self, index: int) -> str:
        """What a person calls example ``index``: the line of the file, counted from 1."""
        with self._open() as file:
            for place, (line, _) in enumerate(fields_of(file, self.format), -1 + (self.format.header == "none")):
                if place == index:
                    return f"row {line + self.format.skip_rows}"
        return f"example {index}"
