"""Whether new examples are of the level that was given: by a classifier of real ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from sklearn.neighbors import KNeighborsClassifier

from aelab.evaluation.measures.intervals import accuracy_score
from aelab.evaluation.protocol import Part, Score

NEIGHBOURS = 5
KNOWN = 20_000  # training examples among which neighbours are looked for
Levels = Mapping[str, tuple[int, Sequence[str]]]


def level_of(given: np.ndarray, levels: Levels) -> np.ndarray:
    """Which level of the first column of ``levels`` each row of given values ``[N, G]`` has, long ``[N]``."""
    first, names = next(iter(levels.values()))
    return given[:, first : first + len(names)].argmax(1)


def with_level(given: np.ndarray, level: int, levels: Levels) -> np.ndarray:
    """The same given values, with another level of that column."""
    first, names = next(iter(levels.values()))
    found = given.copy()
    found[:, first : first + len(names)] = np.arange(len(names)) == level
    return found


def as_given(metric: str, new: np.ndarray, given: np.ndarray, train: Part, levels: Levels, seed: int) -> Score:
    """The share of new examples ``[n, D]`` that five nearest training examples take for the level that was given."""
    assert train.given is not None
    rows = np.random.default_rng(seed).permutation(len(train.x))[:KNOWN]
    known = KNeighborsClassifier(min(NEIGHBOURS, len(rows))).fit(train.x[rows], level_of(train.given[rows], levels))
    return accuracy_score(metric, known.predict(new) == level_of(given, levels))
