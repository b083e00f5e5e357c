"""Where pairs of sentences come from: the user's own, LibreOffice's help, or a rule."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aelab.data.files.user_files import user_path
from aelab.data.text.drawn_sentences import drawn_sentences
from aelab.data.text.pairs import HELP, Pairs, help_pairs, read_pairs
from aelab.errors import UserError

DRAWN = 4_000


def check_languages(languages: Sequence[str], words: int | None) -> None:
    """UserError where these are not two different ones, or sentences of so few words are wanted."""
    if len(languages) != 2 or len(set(languages)) != 2 or not all(name.isalnum() for name in languages):
        raise UserError(f"data.languages={list(languages)}: two different names; use data.languages=[en,fr]")
    if words is not None and words < 3:
        raise UserError(f"data.words={words}: must be at least 3, or null for all")


def found_pairs(
    name: str, path: str | None, source: str, languages: Sequence[str], words: int | None, seed: int
) -> tuple[Pairs, str]:
    """The pairs of the data set ``name``, and what stands before the number of one in an error.

    ``path``: a file, or a folder of help pages; without one ``source`` says which: ``libreoffice`` or ``drawn``.
    """
    if path is not None:
        own = user_path(name, path, "a file with source<TAB>target a line, or a folder of help pages")
        found = help_pairs(own, languages, words) if own.is_dir() else read_pairs(own)
        where = f"data.path={path}: {'pair' if own.is_dir() else 'line'}"
    elif source == "drawn":
        first, second = drawn_sentences(DRAWN, seed)
        places = np.arange(1, len(first) + 1)
        found = Pairs(first, second, places, places)
        where = "data.source=drawn: pair"
    else:
        found = help_pairs(HELP, languages, words)
        where = "libreoffice: pair"
    if len(found.first) < 2:
        raise UserError(f"data={name}: {len(found.first)} pair(s) of sentences; at least 2 are needed")
    return found, where
