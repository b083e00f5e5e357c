"""How texts are taken apart into symbols, so that these joined are the text again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

LONG = {
    "characters": None,
    "atoms": re.compile(r"\[[^\]\n]+\]|Br|Cl|Si|Se|@@|%\d\d"),
    "words": re.compile(r"(?m)^<[\w-]+>| ?\w+| ?[^\w\s]"),
}
"""Ways to spell, with what is one symbol although it has several characters. ``atoms``: of SMILES; ``words``: each with
the space before it, and the language that a sentence begins with, <en>."""
SPELLINGS = tuple(LONG)
PRIVATE = 0xF0000  # code points that stand for nothing, each of which stands for one of the long symbols within here


class Spelled(NamedTuple):
    """``symbols``: that occur, in order; ``places``: which one each symbol of all texts is, one text behind the other;
    ``bounds``: where each text begins in them, and the last ends, ``[N + 1]``."""

    symbols: list[str]
    places: np.ndarray
    bounds: np.ndarray


def spelled(texts: Sequence[str], way: str) -> Spelled:
    """Texts as symbols. A million short ones take seconds: all are one string, of which NumPy makes the symbols."""
    whole = "\n".join(text.replace("\n", " ") for text in texts) + "\n"
    long = LONG[way]
    names: list[str] = []
    if long is not None:
        names = sorted(set(long.findall(whole)))
        private = {name: chr(PRIVATE + number) for number, name in enumerate(names)}
        whole = long.sub(lambda match: private[match[0]], whole)
    codes = np.frombuffer(whole.encode("utf-32-le", "surrogatepass"), "<u4")
    breaks = codes == ord("\n")
    ends = np.flatnonzero(breaks)
    bounds = np.concatenate([[0], ends - np.arange(len(ends))])[: len(texts) + 1]
    kinds = np.flatnonzero(np.bincount(codes, minlength=1))
    kinds = kinds[kinds != ord("\n")]
    named = sorted((names[code - PRIVATE] if code >= PRIVATE and names else chr(code), code) for code in kinds)
    rank = np.zeros(int(kinds.max(initial=0)) + 1, np.int32)
    rank[[code for _, code in named]] = np.arange(len(named))
    return Spelled([symbol for symbol, _ in named], rank[codes[~breaks]], bounds)
