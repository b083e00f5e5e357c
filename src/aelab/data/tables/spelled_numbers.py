"""Numbers as people write them: with a decimal comma, with signs between thousands."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_POWER = r"([eE][+-]?\d+)?"
PLAIN = re.compile(rf"[+-]?(\d+\.?\d*|\.\d+){_POWER}|[+-]?(nan|inf|infinity)", re.IGNORECASE | re.ASCII)
COMMA = re.compile(rf"[+-]?\d*,\d+{_POWER}", re.ASCII)  # 0,5
POINT = re.compile(rf"[+-]?\d*\.\d+{_POWER}", re.ASCII)
GROUPS_COMMA = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+", re.ASCII)  # 1,234: a thousand, or a decimal comma
GROUPS_POINT = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+", re.ASCII)
ENGLISH = re.compile(r"[+-]?[1-9]\d{0,2}((,\d{3})+\.\d+|(,\d{3}){2,}(\.\d+)?)", re.ASCII)  # 1,234.5
GERMAN = re.compile(r"[+-]?[1-9]\d{0,2}((\.\d{3})+,\d+|(\.\d{3}){2,}(,\d+)?)", re.ASCII)  # 1.234,5
SPACED = re.compile(r"[+-]?[1-9]\d{0,2}([ ']\d{3})+([.,]\d+)?", re.ASCII)
SPACES = "[\u00a0\u2007\u2009\u202f]"  # between thousands, as they are printed
MINUS = "\u2212"


def is_number(text: str, decimal: str | None = None) -> bool:
    """Whether a field is a number, by either decimal sign where none is named."""
    text = text.strip()
    if PLAIN.fullmatch(text):
        return decimal != "," or "." not in text
    return decimal != "." and COMMA.fullmatch(text) is not None


def numbers(column: pd.Series, decimal: str, thousands: str | None) -> pd.Series:
    """Text as float64; NaN where it is missing or is no number written in that way."""
    import pandas as pd

    text = column.astype("str").str.strip().str.replace(MINUS, "-", regex=False)
    if thousands == " ":
        text = text.str.replace(SPACES, " ", regex=True)
    sign = re.escape(thousands or "")
    whole = rf"(\d{{1,3}}(?:{sign}\d{{3}})+|\d+)" if thousands else r"(\d+)"
    point = re.escape(decimal)
    wanted = rf"[+-]?(?:{whole}(?:{point}\d*)?|{point}\d+){_POWER}|[+-]?[iI]nf(?:inity)?"
    fits = text.str.fullmatch(wanted, flags=re.ASCII).fillna(False).astype(bool)
    if thousands:
        text = text.str.replace(thousands, "", regex=False)
    if decimal != ".":
        text = text.str.replace(decimal, ".", regex=False)
    return pd.to_numeric(text.where(fits & column.notna()), errors="coerce").astype("float64")


def hint(values: list[str]) -> tuple[str, str] | None:
    """The key and value by which all of these would be numbers, or None."""
    for key, value, ways in (
        ("data.thousands", ",", (ENGLISH, GROUPS_COMMA, PLAIN)),
        ("data.decimal", ",", (COMMA, PLAIN)),
        ("data.thousands", ".", (GERMAN, GROUPS_POINT, PLAIN, COMMA)),
    ):
        plain = all(PLAIN.fullmatch(text.strip()) for text in values)
        if not plain and all(any(way.fullmatch(text.strip()) for way in ways) for text in values):
            return key, value
    if values and all(SPACED.fullmatch(text.strip()) for text in values):
        return "data.thousands", "'" if any("'" in text for text in values) else " "
    return None
