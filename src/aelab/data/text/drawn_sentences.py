"""Pairs of sentences that a small rule writes in English and French: for a first try and for tests."""

from __future__ import annotations

import itertools

import numpy as np

ARTICLES = (("the", "le", "la"), ("a", "un", "une"), ("this", "ce", "cette"), ("my", "mon", "ma"))
NOUNS = (  # English, French, whether it is feminine
    ("cat", "chat", False), ("dog", "chien", False), ("garden", "jardin", False), ("book", "livre", False),
    ("boat", "bateau", False), ("house", "maison", True), ("table", "table", True), ("city", "ville", True),
    ("door", "porte", True), ("car", "voiture", True),
)  # fmt: skip
ADJECTIVES = (("red", "rouge", "rouge"), ("green", "vert", "verte"), ("white", "blanc", "blanche"),
              ("heavy", "lourd", "lourde"), ("", "", ""))  # fmt: skip
VERBS = (("sees", "voit"), ("hides", "cache"), ("follows", "suit"), ("touches", "touche"), ("leaves", "quitte"))


def drawn_sentences(count: int, seed: int) -> tuple[list[str], list[str]]:
    """Different sentences, ``The red cat sees a house.``, and what they mean, ``Le chat rouge voit une maison.``: the
    adjective moves behind the noun, and agrees with it as the article does."""
    draw = np.random.default_rng(seed)
    nouns = [(article, noun, adjective) for article, noun, adjective in itertools.product(ARTICLES, NOUNS, ADJECTIVES)]
    found: dict[str, str] = {}
    while len(found) < count:
        first, last = (_of(*nouns[draw.integers(len(nouns))]) for _ in range(2))
        verb = VERBS[draw.integers(len(VERBS))]
        english, french = (f"{first[side]} {verb[side]} {last[side]}." for side in range(2))
        found[english.capitalize()] = french.capitalize()
    return list(found), list(found.values())


def _of(article: tuple[str, str, str], noun: tuple[str, str, bool], adjective: tuple[str, str, str]) -> tuple[str, str]:
    form = 2 if noun[2] else 1
    english = (article[0], adjective[0], noun[0])
    french = (article[form], noun[1], adjective[form])
    return " ".join(filter(None, english)), " ".join(filter(None, french))
