"""Values, numbers and errors as one readable line, whatever a run holds."""

import json
import math
from typing import Any

from aelab.errors import plain

ABSENT = "—"
NOTHING = 1e-20  # what squares of rounding errors leave where there is nothing


def plain_lines(text: str) -> str:
    """As `plain`, for many lines: what is not printable goes, newlines and indentation stay."""
    return "".join(letter if letter.isprintable() or letter in "\n\t" else " " for letter in text)


def printable(node: Any) -> Any:
    """The same for every key and text of plain containers."""
    if isinstance(node, str):
        return node if node.isprintable() else plain_lines(node)
    if isinstance(node, dict):
        return {printable(key): printable(value) for key, value in node.items()}
    return [printable(value) for value in node] if isinstance(node, list) else node


def shown(value: Any) -> str:
    """A configuration value as a person would write it; equal values read the same (16 and 16.0)."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        short = f"{value:g}"
        return short if float(short) == value else str(value)
    if isinstance(value, list) and value and not any(isinstance(part, list | dict) for part in value):
        return "-".join(shown(part) for part in value)
    return plain(value if isinstance(value, str) else json.dumps(value, sort_keys=True))


def number(value: float | None) -> str:
    """Four significant figures."""
    if value is None:
        return ABSENT
    if abs(value) < NOTHING:
        return "0"
    return f"{value:.4g}" if not math.isfinite(value) or abs(value) < 1e4 else f"{value:,.0f}"


def estimate(mean: float | None, half: float | None) -> str:
    """`10.13 ± 0.31`: as many digits as the interval warrants."""
    if mean is None or half is None or not math.isfinite(half) or not NOTHING < half < 1e4:
        return number(mean)
    digits = _digits(half)
    return f"{mean:.{digits}f} ± {half:.{digits}f}"


def with_ends(mean: float | None, low: float | None, high: float | None) -> str:
    """`10.13 ± 0.31`, or `0.53 (0.43 to 0.66)` where the ends are not equally far."""
    if mean is None or low is None or high is None or not math.isfinite(high - low):
        return number(mean)
    half = (high - low) / 2
    if abs(high + low - 2 * mean) <= 0.02 * half or not NOTHING < half < 1e4:
        return estimate(mean, half)
    digits = _digits(half)
    return f"{mean:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def _digits(half: float) -> int:
    return min(6, max(0, 1 - math.floor(math.log10(half))))


def duration(seconds: float | None) -> str:
    """`12 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds is None or not math.isfinite(seconds):
        return ABSENT
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def count(number_of: int, thing: str) -> str:
    """`1 run`, `12 runs`."""
    return f"{number_of:,} {thing}{'' if number_of == 1 else 's'}"
