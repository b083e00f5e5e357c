"""What the beginning of a text table tells about how it is written: found where safe, asked for where not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path
from typing import TextIO

from aelab.config.pasted import pasted
from aelab.data.tables.format import Format, separator_name
from aelab.data.tables.spelled_numbers import COMMA, ENGLISH, GERMAN, GROUPS_COMMA, GROUPS_POINT, POINT, is_number
from aelab.data.tables.text_lines import fields_of
from aelab.errors import UserError

SAMPLE = 1000  # lines that are looked at
COMMON = (",", ";", "\t", "|")
RARE = ":^~/"

Rows = list[list[str]]


def sniffed(path: Path, file: TextIO, format: Format) -> Format:
    """``format`` with what is left open in it found out; UserError, naming the key, where that is not safe."""
    lines = list(islice(file, SAMPLE))
    if any("\0" in line for line in lines):
        fix = "if it is text, name its encoding, like data.encoding=utf-16"
        raise UserError(f"data.path={path}: cannot be read as text (it has bytes of 0); {fix}")
    if format.comment is None and lines and lines[0].lstrip().startswith("#"):
        raise UserError(
            f"data.path={path}: row 1 begins with '#'; {pasted('data.comment', '#')} leaves such rows out; where it "
            "has the names of the columns, delete the sign"
        )
    whole = len(lines) < SAMPLE
    if format.separator is None:
        format = replace(format, separator=_separator(path, lines, whole, format))
    rows = _rows(lines, whole, format)
    if rows and (_agree(rows) or max(map(len, rows)) == 1):
        _check_header(path, rows, format)
    cells = [cell.strip() for row in rows[format.header != "none" :] for cell in row]
    return _numbers(path, cells, format)


def _rows(lines: Sequence[str], whole: bool, format: Format) -> Rows:
    rows = [row for _, row in fields_of(lines, format)]
    return rows if whole else rows[:-1]  # the last may go on


def names_in(row: list[str]) -> int:
    """How many names a header has: the separator at the end of a line adds none."""
    count = len(row)
    while count > 1 and not row[count - 1].strip():
        count -= 1
    return count


def _agree(rows: Rows) -> bool:
    """Whether all rows have as many fields as the first has names, and more than one."""
    count = names_in(rows[0]) if rows else 0
    return count > 1 and all(len(row) >= count and not any(row[count:]) for row in rows)


def _separator(path: Path, lines: Sequence[str], whole: bool, format: Format) -> str:
    usual = "\t" if any(suffix.lower() in (".tsv", ".tab") for suffix in path.suffixes) else ","
    parsed = {sign: _rows(lines, whole, replace(format, separator=sign)) for sign in (*COMMON, "whitespace", *RARE)}
    if not parsed[usual]:
        return usual
    fitting = [sign for sign in COMMON if _agree(parsed[sign])]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        best = [sign for sign in fitting if _all_numbers(parsed[sign], format)]
        if len(best) == 1:
            return best[0]
        some = ", or ".join(pasted("data.separator", separator_name(sign)) for sign in fitting)
        raise UserError(
            f"data.path={path}: its fields may be separated by {' or '.join(map(repr, fitting))}; say which: {some}"
        )
    if _agree(parsed["whitespace"]) and _all_numbers(parsed["whitespace"], format):
        return "whitespace"
    if any(len(row) > 1 for row in parsed[usual]):
        most = max(COMMON, key=lambda sign: (names_in(parsed[sign][0]), sign == usual))
        return most if names_in(parsed[most][0]) > 1 else usual
    for sign in ("whitespace", *RARE):  # one column, unless the fields of another separator agree
        data = [cell for row in parsed[sign][1:] for cell in row]
        if _agree(parsed[sign]) and len(data) > 1 and any(is_number(cell) for cell in data):
            advice = pasted("data.separator", separator_name(sign))
            raise UserError(
                f"data.path={path}: the separator looks like {'spaces' if sign == 'whitespace' else repr(sign)}: "
                f"{advice}; where it is one column, {pasted('data.separator', separator_name(usual))}"
            )
    most = max(COMMON, key=lambda sign: (names_in(parsed[sign][0]), sign == usual))
    return most if names_in(parsed[most][0]) > 1 else usual


def _all_numbers(rows: Rows, format: Format) -> bool:
    """Whether every field below the header is a number, or empty."""
    below = rows[1:] if format.header != "none" else rows
    cells = [cell for row in below for cell in row if cell.strip()]
    return bool(cells) and all(is_number(cell, format.decimal) for cell in cells)


def _check_header(path: Path, rows: Rows, format: Format) -> None:
    """Raise UserError where the first row looks like data and nothing is said about it."""
    if format.header is not None:
        return
    cells = [cell.strip() for cell in rows[0][: names_in(rows[0])]]
    found = [cell for cell in cells if cell and is_number(cell)]
    if not found or len(rows) < 2:
        return
    whole = [int(cell) for cell in found if cell.isdecimal()]
    counter = len(whole) == len(found) and all(a < b for a, b in pairwise(whole))
    from_start = counter and whole == list(range(whole[0], whole[0] + len(whole))) and whole[0] in (0, 1)
    if from_start or (counter and len(found) < len(cells)):
        return  # numbered columns, or years
    some = ", ".join(cells[:4]) + (", ..." if len(cells) > 4 else "")
    raise UserError(
        f"data.path={path}: row 1 ({some}) looks like numbers, not names of columns; data.header=none where it is the "
        "first example, data.header=first where these are names"
    )


def _numbers(path: Path, cells: list[str], format: Format) -> Format:
    """Decimal mark and sign between thousands, by fields that allow one reading only."""
    decimal = format.decimal
    thousands = format.thousands
    point = [cell for cell in cells if POINT.fullmatch(cell)]
    if decimal is None and thousands in (" ", "'", "_"):  # neither of which is a decimal mark
        some = [re.sub(r"(?<=\d)[\s'_](?=\d{3})", "", cell) for cell in cells]
        if any(COMMA.fullmatch(cell) for cell in some) and not any(POINT.fullmatch(cell) for cell in some):
            decimal = ","
    elif decimal is None and thousands is None:
        comma = [cell for cell in cells if COMMA.fullmatch(cell)]
        clear = [cell for cell in comma if not GROUPS_COMMA.fullmatch(cell)]
        english = any(ENGLISH.fullmatch(cell) for cell in cells)
        german = any(GERMAN.fullmatch(cell) for cell in cells)
        decimals = [cell for cell in point if not GROUPS_POINT.fullmatch(cell)]
        if german and not english and not decimals:
            decimal = ","
            thousands = "."
        elif english and not german and not clear:
            thousands = ","
        elif clear and not point:
            decimal = ","
        elif clear and not decimals and not english:
            decimal = ","
            thousands = "."
        elif comma and decimals and not clear and not german:
            thousands = ","
        elif comma and not clear and not german:
            raise _ambiguous(path, comma[0], ",")
        elif point and not decimals and format.separator == ";" and not clear:
            raise _ambiguous(path, point[0], ".")
    if decimal is None:
        decimal = "," if thousands == "." else "."
    return replace(format, decimal=decimal, thousands=thousands)


def _ambiguous(path: Path, cell: str, sign: str) -> UserError:
    plain = cell.replace(sign, "")
    fraction = cell.replace(sign, ".", 1)
    return UserError(
        f"data.path={path}: {cell} may be {fraction} or {plain}; say which: {pasted('data.decimal', sign)} or "
        f"{pasted('data.thousands', sign)}"
    )
