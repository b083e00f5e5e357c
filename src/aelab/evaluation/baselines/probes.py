"""Simple classifiers that tell what a code knows of the classes; hyperparameters are chosen on val, never on test."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from aelab.errors import UserError

QUERIES = 1024  # whose neighbours are looked up at once; scikit-learn cuts the distances into smaller chunks


class Labelled(NamedTuple):
    """Codes ``[N, H]`` and their labels ``[N]``."""

    code: np.ndarray
    labels: np.ndarray

    def joined(self, other: Labelled) -> Labelled:
        return Labelled(np.concatenate([self.code, other.code]), np.concatenate([self.labels, other.labels]))


class Right(NamedTuple):
    """Whether a probe is right on each example: of ``val`` with the setting that is best there, learned from the
    training part, bool ``[M]``; of ``test`` with the same, learned from both, bool ``[N]``."""

    val: np.ndarray
    test: np.ndarray


def knn_accuracy(train: Labelled, val: Labelled, test: Labelled, candidates: Sequence[int]) -> Right:
    """Whether the vote of the k nearest neighbours is right.

    k is the candidate that is best on val with the training part as neighbours (the smallest of equals); on test
    both parts are. A tied vote goes to the class of the nearest of its neighbours.
    """
    best, right = best_neighbours(train, val, candidates)
    return Right(right, np.asarray(knn_votes(train.joined(val), test.code, [best])[best] == test.labels))


def best_neighbours(train: Labelled, val: Labelled, candidates: Sequence[int]) -> tuple[int, np.ndarray]:
    """The candidate k that is best on val (the smallest of equals), and whether its votes are right there, ``[M]``."""
    if max(candidates) > len(train.code) or min(candidates) < 1:
        raise UserError(f"neighbours={list(candidates)}: must be 1 to {len(train.code)}, the size of the training part")
    right = {k: np.asarray(vote == val.labels) for k, vote in knn_votes(train, val.code, sorted(candidates)).items()}
    best = max(right, key=lambda k: right[k].mean())
    return best, right[best]


def knn_votes(known: Labelled, code: np.ndarray, candidates: Sequence[int]) -> dict[int, np.ndarray]:
    """Labels ``[N]`` that the k nearest neighbours give to codes, for every candidate k."""
    index = NearestNeighbors(n_neighbors=max(candidates), algorithm="brute").fit(known.code)
    classes, numbers = np.unique(known.labels, return_inverse=True)
    votes: dict[int, list[np.ndarray]] = {k: [] for k in candidates}
    for start in range(0, len(code), QUERIES):
        near = numbers[index.kneighbors(code[start : start + QUERIES], return_distance=False)]
        for k in candidates:
            given = near[:, :k, None] == np.arange(len(classes))
            first = np.where(given.any(1), given.argmax(1), k)  # rank of each class's nearest member
            votes[k].append(classes[(given.sum(1) * (k + 1) - first).argmax(1)])
    return {k: np.concatenate(parts) for k, parts in votes.items()}


def probe_accuracy(train: Labelled, val: Labelled, test: Labelled, candidates: Sequence[float]) -> Right:
    """Whether a logistic regression on standardised codes is right.

    Its C is the candidate that is best on val; for the test it learns from both parts.
    """
    if min(candidates) <= 0:
        raise UserError(f"regularization={list(candidates)}: must be above 0")
    right = {c: np.asarray(_probe(train, c).predict(val.code) == val.labels) for c in sorted(candidates)}
    best = max(right, key=lambda c: right[c].mean())
    return Right(right[best], np.asarray(_probe(train.joined(val), best).predict(test.code) == test.labels))


def _probe(known: Labelled, c: float) -> LogisticRegression:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a probe that stops early is judged as it is
        return make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=300, tol=1e-3)).fit(*known)
