"""Translation without a network: word by word (IBM's model 1), or the translation of the nearest known sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

WORD = r"\w+|[^\w\s]"
NOTHING = ""  # the word that words of the target come from which have none in the source


class WordByWord:
    """IBM's model 1 (Brown et al. 1993): every word of a target sentence comes from one word of the source, or from
    nothing, all equally likely beforehand. ``t(f|e)``, the probability of f given e, starts as 1 over the number of
    words that e stands with, and is estimated by expectation maximisation.

    ``probabilities``: ``[K]`` of the K pairs (e, f) that stand in one pair of sentences, ``sources`` and ``targets``
    ``[K]`` which words those are, of ``source_words`` and ``target_words``.
    """

    def __init__(self, sources: Sequence[str], targets: Sequence[str], rounds: int = 5) -> None:
        self.source_words, of_source = _numbered([[NOTHING, *words(text)] for text in sources])
        self.target_words, of_target = _numbered([words(text) for text in targets])
        ends = [np.repeat(e, len(f)) for e, f in zip(of_source, of_target, strict=True)]
        fs = [np.tile(f, len(e)) for e, f in zip(of_source, of_target, strict=True)]
        sizes = [len(f) for f in of_target]
        first = np.cumsum([0, *sizes[:-1]])
        place = np.concatenate([np.tile(np.arange(n) + start, len(e)) for n, start, e in zip(sizes, first, of_source,
                                                                                           strict=True)])  # fmt: skip
        both = np.concatenate(ends).astype(np.int64) * len(self.target_words) + np.concatenate(fs)
        kinds, kind = np.unique(both, return_inverse=True)
        self.sources, self.targets = np.divmod(kinds, len(self.target_words))
        self.probabilities = (1 / np.bincount(self.sources))[self.sources]
        for _ in range(rounds):
            likely = self.probabilities[kind]
            count = np.bincount(kind, likely / np.bincount(place, likely)[place])
            self.probabilities = count / np.bincount(self.sources, count)[self.sources]
        order = np.lexsort((self.probabilities, self.sources))
        last = np.append(np.flatnonzero(np.diff(self.sources[order])), len(order) - 1)
        best = order[last]
        self.dictionary = {
            self.source_words[e]: self.target_words[f]
            for e, f in zip(self.sources[best], self.targets[best], strict=True)
        }

    def translate(self, texts: Sequence[str]) -> list[str]:
        """Each word's likeliest, in the order of the source; unknown words stay."""
        found = (" ".join(self.dictionary.get(word, word) for word in words(text)) for text in texts)
        joined = (re.sub(r"\s+([.,;:!?)\]])|([(\[])\s+", r"\1\2", text) for text in found)
        pairs = zip(joined, texts, strict=True)
        return [text[:1].upper() + text[1:] if source[:1].isupper() else text for text, source in pairs]


class Memory:
    """Remembers sentences, and gives the translation of the one that shares most words and pairs of words, weighted by
    how rare they are (tf-idf, cosine)."""

    def __init__(self, sources: Sequence[str], targets: Sequence[str]) -> None:
        self.weights = TfidfVectorizer(ngram_range=(1, 2), token_pattern=WORD)
        self.known = self.weights.fit_transform(sources)
        self.targets = targets

    def translate(self, texts: Sequence[str]) -> list[str]:
        alike = self.weights.transform(texts) @ self.known.T
        return [self.targets[int(row)] for row in np.asarray(alike.argmax(1)).ravel()]


def words(text: str) -> list[str]:
    """Words and marks of a text; the first is written small, which it mostly is elsewhere."""
    return re.findall(WORD, text[:1].lower() + text[1:])


def _numbered(sentences: list[list[str]]) -> tuple[list[str], list[np.ndarray]]:
    """The different words, and each sentence as their numbers."""
    known: dict[str, int] = {}
    found = [np.array([known.setdefault(word, len(known)) for word in words], np.int64) for words in sentences]
    return list(known), found
