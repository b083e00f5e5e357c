"""Sentences of two languages, each with its translation: the user's own file, or the help pages of LibreOffice."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from aelab.data.module import DataModule
from aelab.data.preprocessing import SYMBOLS
from aelab.data.source import Source
from aelab.data.text.found_pairs import check_languages, found_pairs
from aelab.data.text.pieces import Pieces
from aelab.data.text.vocabulary import TextError, Vocabulary
from aelab.errors import UserError


class ParallelText(DataModule):
    """Sequences ``[T]`` of the pieces of a sentence behind a symbol for its language, which is its label, too. An
    example is one sentence, so that an autoencoder of both languages needs no pairs; ``row`` of its origin is that of
    the pair, which an evaluation finds it by.

    ``path``: a file with ``source<TAB>target`` a line, or the folder of LibreOffice's help pages. Without one
    ``source`` says which: ``libreoffice``, where Debian's packages put them, or ``drawn``, 4,000 pairs that a small
    rule writes. Whole pages go to one part, of a file all lines that share a sentence.
    ``languages``: of source and target. ``words``: of a sentence out of the help pages, at most; null for all.
    ``representation``: ``pieces``, so many as ``pieces`` says, learned by sentencepiece, or ``words``; null: words of
    drawn sentences, else pieces. ``positions``: places of a sequence, language and end among them; null: as many as the
    longest needs.
    """

    unused = ()

    def __init__(
        self,
        source: Literal["libreoffice", "drawn"] = "libreoffice",
        languages: tuple[str, str] | list[str] = ("en", "fr"),
        words: int | None = 12,
        representation: Literal["pieces", "words"] | None = None,
        pieces: int = 1000,
        positions: int | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        check_languages(languages, words)
        self.source = source
        self.languages = tuple(languages)
        self.words = words
        self.representation = representation
        self.vocabulary_size = pieces
        self.positions = positions

    def read(self) -> Source:
        pairs, where = found_pairs(self.name, self.path, self.source, self.languages, self.words, self.split_seed)
        sides = zip(self.languages, (pairs.first, pairs.second), strict=True)
        texts = [f"<{language}>{text}" for language, side in sides for text in side]
        places = np.tile(pairs.places, 2)
        try:
            vocabulary = (self.known and self.known.vocabulary) or self._vocabulary(texts)
            x = vocabulary.ids(texts, self.positions)
        except TextError as error:
            fix = ""
            if "places" in error.reason:
                longest = vocabulary.ids(texts).shape[1]
                fix = f"; use data.positions={longest} or null, or leave it out"
            raise UserError(f"{where} {places[error.row]} {error.reason}{fix}") from error
        return Source(
            x,
            np.repeat(self.languages, len(pairs.first)),
            kind=SYMBOLS,
            origin={"row": places - 1},
            vocabulary=vocabulary,
            groups=np.tile(pairs.groups, 2),
        )

    def _vocabulary(self, texts: list[str]) -> Vocabulary:
        drawn = self.path is None and self.source == "drawn"
        way = self.representation or ("words" if drawn else "pieces")
        return Vocabulary.of(texts, way) if way == "words" else Pieces.learned(texts, self.vocabulary_size)
