"""Regressions of a skewed count from codes; hyperparameters are chosen on val, never on test.

What is predicted is z = log(1 + y), so that the mean squared error of z is the MSLE of y.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import rankdata
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from aelab.errors import UserError
from aelab.evaluation.measures.intervals import mean_score
from aelab.evaluation.protocol import Score

NORMAL = 1.959964  # 97.5 % quantile


class Counted(NamedTuple):
    """Codes ``[N, H]`` and ``z = log(1 + count)``, ``[N]``."""

    code: np.ndarray
    z: np.ndarray

    def joined(self, other: Counted) -> Counted:
        return Counted(np.concatenate([self.code, other.code]), np.concatenate([self.z, other.z]))


def ridge(train: Counted, val: Counted, code: np.ndarray, candidates: Sequence[float]) -> np.ndarray:
    """z ``[N]`` that ridge regression on standardised codes predicts for ``code`` ``[N, H]``, at least 0.

    Its penalty is the candidate that is best on val; then it learns from both parts.
    """
    if min(candidates) < 0:
        raise UserError(f"evaluation.popularity.penalties={list(candidates)}: must be 0 or more")
    train, val = (known._replace(code=known.code.astype(np.float64)) for known in (train, val))
    errors = {alpha: _error(_ridge(train, alpha).predict(val.code), val.z) for alpha in sorted(candidates)}
    best = min(errors, key=lambda alpha: errors[alpha])
    return np.maximum(_ridge(train.joined(val), best).predict(code.astype(np.float64)), 0)


def _ridge(known: Counted, alpha: float) -> Pipeline:
    return make_pipeline(StandardScaler(), Ridge(alpha)).fit(*known)


def boosted(
    train: Counted, val: Counted, code: np.ndarray, leaves: Sequence[int], rounds: int, seed: int
) -> np.ndarray:
    """The same by gradient-boosted trees; leaves of a tree and number of trees are those that are best on val."""
    if min(leaves) < 2 or rounds < 1:
        raise UserError(f"evaluation.popularity.leaves={list(leaves)}, rounds={rounds}: at least 2 leaves and 1 round")
    errors = {
        (count, trees): _error(z, val.z)
        for count in sorted(leaves)
        for trees, z in enumerate(_trees(train, count, rounds, seed).staged_predict(val.code), 1)
    }
    best = min(errors, key=lambda both: errors[both])
    return np.maximum(_trees(train.joined(val), *best, seed).predict(code), 0)


def _trees(known: Counted, leaves: int, rounds: int, seed: int) -> HistGradientBoostingRegressor:
    return HistGradientBoostingRegressor(
        max_leaf_nodes=leaves, max_iter=rounds, early_stopping=False, random_state=seed
    ).fit(known.code, known.z)


def _error(predicted: np.ndarray, z: np.ndarray) -> float:
    return float(np.square(np.maximum(predicted, 0) - z).mean())


def msle_score(metric: str, predicted: np.ndarray, z: np.ndarray) -> Score:
    """Mean squared logarithmic error of counts, of log(1 + count) ``[N]`` and its prediction, with a t-interval."""
    return mean_score(metric, np.square(predicted - z))


def spearman_score(metric: str, predicted: np.ndarray, z: np.ndarray) -> Score:
    """Rank correlation of ``[N]`` with ``[N]``, equal values sharing their rank; 0 where all of either are equal.

    Its interval is Fisher's with the variance (1 + r^2 / 2) / (N - 3) of Bonett & Wright 2000; none below 4 examples.
    """
    if not np.ptp(predicted) or not np.ptp(z):
        return Score(metric, 0.0)
    ranks = rankdata(predicted), rankdata(z)
    r = float(np.corrcoef(*ranks)[0, 1])
    if len(z) < 4 or abs(r) >= 1:
        return Score(metric, r)
    half = NORMAL * np.sqrt((1 + r**2 / 2) / (len(z) - 3))
    ends = float(np.tanh(np.arctanh(r) - half)), float(np.tanh(np.arctanh(r) + half))
    return Score(metric, r, *ends, parts=(rank_correlation_parts(*ranks),))


def rank_correlation_parts(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """What each example contributes to the rank correlation of ranks ``[N]`` and ``[N]``, ``[N]``.

    Hoeffding's projection of Spearman's coefficient (Hoeffding 1948, section 9), its variance over N that of the
    coefficient: an example moves it by its own two ranks and by those of all that it stands below.
    """
    count = len(a)
    u = (a - 0.5) / count
    v = (b - 0.5) / count

    def above(ranks: np.ndarray, other: np.ndarray) -> np.ndarray:
        order = np.argsort(-ranks, kind="stable")
        sums = np.concatenate([[0.0], other[order].cumsum()])
        higher = np.searchsorted(-ranks[order], -ranks, "left")
        as_high = np.searchsorted(-ranks[order], -ranks, "right")
        return np.asarray((sums[higher] + sums[as_high]) / 2 / count)  # a tie counts half

    return np.asarray(12 * (u * v + above(a, v) + above(b, u)))
