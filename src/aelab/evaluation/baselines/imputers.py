"""What else puts values where none are known: means, neighbours, principal components, regressions in turn."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import numpy as np

Imputer = Callable[[np.ndarray], np.ndarray]
"""Examples ``[N, D]``, NaN where a value is not known, to whole ones, float64."""

ROUNDS = 1000
TURNS = 30  # always: of whole training examples the first turn moves nothing, and would be taken for the last
SETTLED = 1e-9  # of the values' scale, by which they move in a round at most


def mean(train: np.ndarray) -> Imputer:
    """The mean of each value over the training examples ``[N, D]`` that have it."""
    means = np.nanmean(train.astype(np.float64), axis=0)
    return lambda x: np.where(np.isnan(x), means, x)


def neighbours(train: np.ndarray, count: int) -> Imputer:
    """The mean of the ``count`` nearest training examples that have the value (Troyanskaya et al. 2001)."""
    from sklearn.impute import KNNImputer

    known = KNNImputer(n_neighbors=count, keep_empty_features=True).fit(train)
    return lambda x: np.asarray(known.transform(x), np.float64)


def ridge_in_turn(train: np.ndarray, seed: int) -> Imputer:
    """Bayesian ridge regressions of each value on all others, in turn until they settle (van Buuren 2011)."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401
    from sklearn.impute import IterativeImputer

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        known = IterativeImputer(max_iter=TURNS, tol=0, random_state=seed, keep_empty_features=True)
        known.fit(train.astype(np.float64))

    def impute(x: np.ndarray) -> np.ndarray:
        return np.asarray(known.transform(x.astype(np.float64)), np.float64)

    return impute


def principal_components(train: np.ndarray, count: int) -> Imputer:
    """The mean of what is not known given what is, in a Gaussian of ``count`` principal components and noise.

    It is that of probabilistic PCA (Tipping & Bishop 1999), found by refilling gaps until they settle: what is refilled
    with the posterior mean of the components of the whole example has it as its fixed point. Gaps of the training
    examples ``[N, D]`` are refilled as the components are found (iterative PCA, Josse & Husson 2012).
    """
    x = train.astype(np.float64)
    gaps = np.isnan(x)
    means = np.nanmean(x, axis=0)
    filled = np.where(gaps, means, x)
    scale = max(float(filled.std()), 1e-12)
    shrunk = np.zeros((x.shape[1], x.shape[1]))
    for _ in range(ROUNDS if gaps.any() else 1):
        means = filled.mean(0)
        shrunk = _shrinkage(np.cov(filled.T, bias=True), count)
        again = np.where(gaps, (filled - means) @ shrunk + means, x)
        moved = float(np.abs(again - filled).max())
        filled = again
        if moved < 1e-4 * scale:
            break

    def impute(some: np.ndarray) -> np.ndarray:
        gone = np.isnan(some)
        centred = np.where(gone, 0, some.astype(np.float64) - means)
        for _ in range(ROUNDS):
            again = np.where(gone, centred @ shrunk, centred)
            moved = float(np.abs(again - centred).max())
            centred = again
            if moved < SETTLED * scale:
                break
        return centred + means

    return impute


def _shrinkage(covariance: np.ndarray, count: int) -> np.ndarray:
    """``V diag((l - s2) / l) V'`` of the leading components, s2 the mean of the other variances, ``[D, D]``."""
    variances, vectors = np.linalg.eigh(np.atleast_2d(covariance))
    variances = variances[::-1]
    vectors = vectors[:, ::-1]
    noise = max(float(variances[count:].mean()), 0.0) if count < len(variances) else 0.0
    kept = variances[:count]
    shares = np.where(kept > 0, 1 - noise / np.where(kept > 0, kept, 1), 0)
    return np.asarray(vectors[:, :count] * shares @ vectors[:, :count].T)


def best_of(candidates: Sequence[Imputer], error: Callable[[Imputer], float]) -> Imputer:
    """The one whose error is least."""
    return min(candidates, key=error) if len(candidates) > 1 else candidates[0]
