"""Names of columns as a header has them: some twice, some empty, some that pandas made up."""

from __future__ import annotations

import re
from collections.abc import Sequence

MADE_UP = re.compile(r"Unnamed: \d+(\.\d+)?|level_\d+|__index_level_\d+__")


def distinct(names: Sequence[str]) -> list[str]:
    """Names as pandas gives them: ``Unnamed: 0`` for none, and ``a.1`` for a second ``a``."""
    found: list[str] = []
    own = set(names)
    taken = set[str]()
    for index, name in enumerate(names):
        name = kept = name or f"Unnamed: {index}"
        count = 0
        while name in taken or (count and name in own):
            count += 1
            name = f"{kept}.{count}"
        taken.add(name)
        found.append(name)
    return found


def renamed(own: Sequence[str], names: Sequence[str]) -> list[str]:
    """A line about columns that have a name of others, and what they are called here."""
    again = [(text, name) for text, name in zip(own, names, strict=True) if text and text != name]
    if not again:
        return []
    listed = ", ".join(f"{name} for the next {text}" for text, name in again[:5])
    return [f"several columns have one name: {listed}{', ...' if len(again) > 5 else ''}"]


def is_nameless(name: str) -> bool:
    """Whether a name says nothing: an empty one, or what pandas writes for that."""
    return not name.strip() or MADE_UP.fullmatch(name.strip()) is not None
