"""An override as it can be pasted into a shell: quoted for Hydra, and that quoted for the shell."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

_WORD = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)
_NOT_TEXT = ("null", "true", "false", "nan", "inf")
_BARE = re.compile(r"[\w./:,=+@%-]+", re.ASCII)


def pasted(key: str, value: object) -> str:
    """``key=value`` that a shell hands to Hydra, and Hydra reads as ``value``."""
    text = f"{key}={typed(value)}"
    if _BARE.fullmatch(text):
        return text
    return shlex.quote(text) if set(text) & set('"$`\\!') else f'"{text}"'


def typed(value: object) -> str:
    """A value as Hydra's grammar has it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{','.join(map(typed, value))}]"
    text = str(value)
    if (_WORD.fullmatch(text) and text.lower() not in _NOT_TEXT) or re.fullmatch(r"0|[1-9]\d*", text):
        return text
    if "'" in text and '"' not in text and not text.endswith("\\"):
        return f'"{text}"'
    escaped = re.sub(r"(\\*)('|$)", lambda found: found[1] * 2 + ("\\'" if found[2] else ""), text)
    return f"'{escaped}'"
