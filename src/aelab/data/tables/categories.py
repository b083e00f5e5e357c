"""One name for a category, whatever type the rows that were read gave its column."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

_NUMBER = re.compile(r"[+-]?(0|[1-9]\d*)(\.\d*)?([eE][+-]?\d+)?")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d)(:\d\d)?(\.\d+)?)?")
_TRUTH = {"true": "1", "false": "0"}
_EXACT = 2**53  # below it every whole number is a double of its own


def category(value: object) -> str:
    """``1``, ``1.0``, ``True`` and the texts of them are ``1``; ``007`` stays, since it is no number but a name.
    A date is the same whether it is text, a date or a time of 0:00.

    pandas gives a column the type that all of its rows together allow: whole numbers beside a gap are floats, and
    beside a word they are text. The same value must not change its category with the rows around it.
    """
    if isinstance(value, (bool, np.bool_)):
        return str(int(value))
    text = str(value).strip()
    if text.lower() in _TRUTH:
        return _TRUTH[text.lower()]
    if when := _TIME.fullmatch(text):
        return _time(when)
    found = _NUMBER.fullmatch(text)
    if found is None:
        return str(value)
    if found[2] is None and found[3] is None:
        return text.removeprefix("+")
    number = float(text)
    return str(int(number)) if number.is_integer() and abs(number) < _EXACT else repr(number)


def _time(when: re.Match[str]) -> str:
    """``2020-01-31``, or with the time of day where that is not 0:00."""
    day = when[1]
    minutes = when[2] or "00:00"
    seconds = when[3] or ":00"
    fraction = (when[4] or "").rstrip("0").rstrip(".")
    time = f"{minutes}{seconds}{fraction}"
    return day if time == "00:00:00" else f"{day} {time}"


def category_names(column: pd.Series) -> np.ndarray:
    """The category of every row, an object array ``[N]``; None where the value is missing."""
    import pandas as pd

    codes, kinds = pd.factorize(column.astype(object))
    names = np.array([*(category(kind) for kind in kinds), None], dtype=object)
    return names[codes]
