"""Texts out of the user's file: one a line, or a column of a table, plain or .gz; with the line of each."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from aelab.data.files.user_files import pick, unreadable
from aelab.data.text.text_file import read_text
from aelab.errors import UserError

SEPARATORS = {".csv": ",", ".tsv": "\t"}
PLAIN = (".smi", ".smiles", ".txt")


class Lines(NamedTuple):
    """``texts``, the number of the ``lines`` they stand in, from 1, ``[N]``, and ``labels`` ``[N]`` or None."""

    texts: list[str]
    lines: np.ndarray
    labels: np.ndarray | None = None

    def taken(self, rows: np.ndarray) -> Lines:
        """Some of them."""
        labels = None if self.labels is None else self.labels[rows]
        return Lines([self.texts[row] for row in rows], self.lines[rows], labels)


def read_lines(path: Path, column: str | None, label: str | None) -> Lines:
    """The texts of a file: ``.csv`` and ``.tsv`` have a header, whose ``column`` they stand in (SMILES, or the only
    one); of ``.smi`` and ``.txt`` the first word of each line. ``label``: a column of a table, or anything for what
    follows the first word.

    Raises UserError where it cannot be read, or has no such column.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    kind = suffixes[-2] if suffixes[-1:] == [".gz"] and len(suffixes) > 1 else (suffixes or [""])[-1]
    if kind not in SEPARATORS and kind not in PLAIN:
        known = ", ".join((*SEPARATORS, *PLAIN))
        raise UserError(f"data.path={path}: not one of {known}, plain or with .gz; save one text a line as .smi")
    text = io.StringIO(read_text(path), newline="")
    try:
        found = _table(path, text, SEPARATORS[kind], column, label) if kind in SEPARATORS else _plain(text, label)
    except csv.Error as error:
        raise unreadable(path, error) from error
    if not found.texts:
        raise UserError(f"data.path={path}: holds no texts; name a file with one a line")
    return found


def _plain(file: io.StringIO, label: str | None) -> Lines:
    texts = []
    places = []
    names = []
    content = re.split(r"\r\n|\r|\n", file.read())
    while content and not content[-1].strip():  # what an editor leaves at the end
        content.pop()
    for number, line in enumerate(content, 1):
        first, _, rest = line.strip().replace("\t", " ").partition(" ")
        if number == 1 and first.lower() == "smiles":
            continue
        texts.append(first)
        places.append(number)
        names.append(rest.strip())
    return Lines(texts, np.array(places, np.int64), np.array(names) if label else None)


def _table(path: Path, file: io.StringIO, separator: str, column: str | None, label: str | None) -> Lines:
    rows = csv.reader(file, delimiter=separator)
    header = next(rows, None) or []
    names = [name.strip() for name in header]
    wanted = column or next((name for name in names if name.lower() == "smiles"), names[0] if len(names) == 1 else None)
    if wanted is None:
        raise UserError(f"data.column: {path} has the columns {', '.join(names)}; name one with data.column=<name>")
    place = names.index(pick("data.column", wanted, names))
    of_label = None if label is None else names.index(pick("data.label", label, names))
    texts = []
    places = []
    labels = []
    for row, number in _numbered(rows):
        if len(row) <= max(place, of_label or 0):
            raise UserError(f"data.path={path}: line {number} has {len(row)} columns, and the header {len(names)}")
        texts.append(row[place].strip())
        places.append(number)
        if of_label is not None:
            labels.append(row[of_label].strip())
    return Lines(texts, np.array(places, np.int64), None if of_label is None else np.array(labels))


def _numbered(rows: csv._reader) -> Iterator[tuple[list[str], int]]:  # type: ignore[name-defined]
    """Rows that are not blank, with the line in which each ends."""
    for row in rows:
        if row:
            yield row, rows.line_num
