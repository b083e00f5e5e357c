"""Which words a sentence and its translation have: two views of one meaning."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from aelab.data.module import DataModule
from aelab.data.preprocessing import NUMBERS
from aelab.data.source import Source
from aelab.data.text.found_pairs import check_languages, found_pairs
from aelab.errors import UserError


class ParallelBags(DataModule):
    """Examples ``[2 V]`` of 0 and 1: which of the V commonest words of the first language a sentence has, and which of
    the second's its translation (Chandar et al. 2014). Small and capital letters are one.

    ``path``, ``source``, ``languages``, ``words``: see ParallelText. ``size``: V; of fewer words all.
    """

    unused = ()

    def __init__(
        self,
        source: Literal["libreoffice", "drawn"] = "libreoffice",
        languages: tuple[str, str] | list[str] = ("en", "fr"),
        words: int | None = 12,
        size: int = 1000,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        check_languages(languages, words)
        if size < 2:
            raise UserError(f"data.size={size}: words of a language, at least 2")
        self.source = source
        self.languages = tuple(languages)
        self.words = words
        self.vocabulary_size = size
        self.vocabularies: tuple[np.ndarray, ...] = ()

    def read(self) -> Source:
        from sklearn.feature_extraction.text import CountVectorizer

        pairs, _ = found_pairs(self.name, self.path, self.source, self.languages, self.words, self.split_seed)
        sides = pairs.first, pairs.second
        counts = [CountVectorizer(binary=True, token_pattern=r"\w+").fit(side) for side in sides]
        size = min(self.vocabulary_size, *(len(count.vocabulary_) for count in counts))
        limited = [CountVectorizer(binary=True, token_pattern=r"\w+", max_features=size) for _ in sides]
        bags = [count.fit_transform(side).toarray() for count, side in zip(limited, sides, strict=True)]
        self.vocabularies = tuple(count.get_feature_names_out() for count in limited)
        x = np.concatenate(bags, 1).astype(np.float32)
        return Source(x, kind=NUMBERS, origin={"row": pairs.places - 1}, groups=pairs.groups)

    def truth(self) -> dict[str, np.ndarray]:
        """The words of either language ``[V]``."""
        return dict(zip(("first_words", "second_words"), self.vocabularies, strict=False))
