"""The symbols that texts are made of: from texts to whole numbers and back, letter for letter."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from aelab.data.text.spelling import SPELLINGS, spelled
from aelab.errors import UserError
from aelab.objectives.symbols import END, PADDING, SPECIALS


class TextError(ValueError):
    """A text that cannot be taken. ``row``: its place among those that were given, from 0; ``reason``: with the column,
    from 1, where there is one."""

    def __init__(self, row: int, reason: str) -> None:
        super().__init__(reason)
        self.row = row
        self.reason = reason


class Vocabulary:
    """``symbols``: by their number, the special ones first. ``way``: how texts are spelled (see spelling.py).

    ``ids`` and ``texts`` are each other's inverse; what the vocabulary lacks is refused.
    """

    def __init__(self, symbols: Sequence[str], way: str) -> None:
        self.symbols = tuple(symbols)
        self.way = way

    @classmethod
    def of(cls, texts: Sequence[str], way: str) -> Vocabulary:
        """Of the symbols of these texts, in order. Raises TextError."""
        return cls((*SPECIALS, *spelled(texts, way).symbols), way)

    def __len__(self) -> int:
        return len(self.symbols)

    def ids(self, texts: Sequence[str], positions: int | None = None) -> np.ndarray:
        """Texts as sequences int32 ``[N, positions]``; as many as the longest needs, where that is None.

        Raises TextError for the first that is empty, has a symbol that is unknown, or is too long.
        """
        found = spelled(texts, self.way)
        known = {symbol: number for number, symbol in enumerate(self.symbols)}
        numbers = np.array([known.get(symbol, -1) for symbol in found.symbols], np.int32)
        lengths = np.diff(found.bounds)
        if len(lengths) and not lengths.min():
            raise TextError(int(lengths.argmin()), "is empty")
        flat = numbers[found.places] if len(found.places) else np.empty(0, np.int32)
        if (flat < 0).any():
            place = int(np.argmax(flat < 0))
            row = int(np.searchsorted(found.bounds, place, "right")) - 1
            within = found.places[found.bounds[row] : place]
            column = 1 + sum(len(found.symbols[symbol]) for symbol in within)
            odd = found.symbols[found.places[place]]
            some = " ".join(self.symbols[len(SPECIALS) :][:40])
            raise TextError(row, f"column {column}: unknown symbol {odd!r}; known are {some}")
        return ended(flat, lengths, positions)

    def texts(self, ids: np.ndarray) -> list[str]:
        """Sequences ``[N, T]`` as texts: what stands before the symbol that ends each, special ones left out."""
        shown = np.array([""] * len(SPECIALS) + list(self.symbols[len(SPECIALS) :]), dtype=object)
        rows = np.asarray(ids).astype(np.int64)
        ends = np.where((rows == END).any(1), (rows == END).argmax(1), rows.shape[1])
        return ["".join(shown[row[:end]]) for row, end in zip(rows, ends, strict=True)]

    def digest(self) -> bytes:
        """What tells this vocabulary from others."""
        return hashlib.blake2b("\0".join((self.way, *self.symbols)).encode(), digest_size=8).digest()

    def plain(self) -> dict[str, Any]:
        """All of it as text, for a checkpoint."""
        return {"way": self.way, "symbols": list(self.symbols)}

    @staticmethod
    def of_plain(plain: Any) -> Vocabulary:
        """What ``plain`` gave; ValueError, TypeError or KeyError for anything else."""
        symbols = plain["symbols"]
        fits = isinstance(symbols, list) and all(isinstance(symbol, str) and symbol for symbol in symbols)
        if not fits or tuple(symbols[: len(SPECIALS)]) != SPECIALS or len(set(symbols)) < len(symbols):
            raise ValueError("no vocabulary")
        if plain["way"] not in SPELLINGS:
            raise ValueError(f"no way to spell: {plain['way']}")
        return Vocabulary(symbols, plain["way"])


def ended(flat: np.ndarray, lengths: np.ndarray, positions: int | None) -> np.ndarray:
    """Symbols of texts, one behind the other, as sequences ``[N, positions]`` that end and are padded; TextError where
    one of these ``lengths`` is too long."""
    longest = int(lengths.max(initial=0)) + 1
    positions = longest if positions is None else positions
    if longest > positions:
        row = int(lengths.argmax())
        raise TextError(row, f"has {lengths[row]} symbols, and there are {positions - 1} places for them")
    ids = np.full((len(lengths), positions), PADDING, np.int32)
    ids[np.arange(positions) < lengths[:, None]] = flat
    ids[np.arange(len(ids)), lengths] = END
    return ids


def refuse(error: TextError, where: Iterable[str] | str) -> UserError:
    """The error of a text by its place: ``where`` names it, or each of them."""
    place = where if isinstance(where, str) else list(where)[error.row]
    return UserError(f"{place} {error.reason}")
