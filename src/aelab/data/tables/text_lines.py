"""The text of a file, packed or not, and its rows of fields."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import re
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TextIO

from aelab.data.tables.format import Format
from aelab.errors import UserError
from aelab.machines.regular_files import open_regular

MARKS = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}

EXCEL = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)  # a first line by which Excel knows the separator


@contextmanager
def open_text(path: Path, encoding: str | None) -> Iterator[TextIO]:
    """A text file, unpacked by what it holds and not by what it is called, decoded by its mark or as UTF-8."""
    with open_regular(path) as packed, _unpacked(path, packed) as file:
        head = file.read(4)
        file.seek(0)
        found = encoding or next((name for mark, name in MARKS.items() if head.startswith(mark)), "utf-8")
        if found.lower().replace("_", "-") in ("utf-8", "utf8"):
            found = "utf-8-sig"  # a mark at the beginning is no part of the first name
        with io.TextIOWrapper(file, found, newline="") as text:
            yield text


def _unpacked(path: Path, file: Any) -> IO[bytes]:
    magic = file.read(10)
    file.seek(0)
    if magic.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=file)  # type: ignore[return-value]
    if magic.startswith(b"BZh") and magic[4:10] == b"1AY&SY":
        return bz2.BZ2File(file)
    if magic.startswith(b"\xfd7zXZ"):
        return lzma.LZMAFile(file)
    if magic.startswith(b"PK\x03\x04"):
        packed = zipfile.ZipFile(file)
        names = [name for name in packed.namelist() if not name.endswith("/") and not name.startswith("__MACOSX/")]
        if len(names) != 1:
            raise UserError(f"data.path={path}: a zip of {len(names)} files; unpack it and name one of them")
        return packed.open(names[0])
    if magic.startswith(b"\x28\xb5\x2f\xfd"):
        raise UserError(f"data.path={path}: packed with zstd, which is not read; unpack it, or pack it with gzip")
    unpacked: IO[bytes] = file
    return unpacked


def fields_of(lines: Iterable[str], format: Format) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not empty: the number of the line where each begins, counted from 1, and its fields."""
    if format.comment is not None:
        lines = (uncommented(line, format.comment) for line in lines)
    spaces = format.separator == "whitespace"
    if spaces:
        lines = (line.strip().replace("\t", " ") for line in lines)
    separator = " " if spaces else format.separator or ","
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=spaces)
    first = 1
    for row in reader:
        if len(row) > 1 or (row and row[0].strip()):
            yield first, row
        first = reader.line_num + 1


def uncommented(line: str, sign: str) -> str:
    """A line up to the sign, unless that stands in quotes."""
    if sign not in line:
        return line
    kept = []
    quoted = False
    for piece in line.split('"'):
        if not quoted and sign in piece:
            kept.append(piece.partition(sign)[0] + "\n")
            break
        kept.append(piece)
        quoted = not quoted
    return '"'.join(kept)
