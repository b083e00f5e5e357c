"""Outlier scores of raw values: what an autoencoder's anomaly score must beat. The more anomalous, the larger."""

from __future__ import annotations

import warnings

import numpy as np
from scipy.stats import skew
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import LocalOutlierFactor

from aelab.evaluation.baselines.linear import RawCoder
from aelab.evaluation.measures.anomaly_scores import Scorer, mahalanobis_scorer, neighbour_scorer


def mahalanobis(train: np.ndarray) -> Scorer:
    """Squared Mahalanobis distance to the mean of training examples ``[N, D]``; dead directions are left out."""
    return mahalanobis_scorer(RawCoder(train.shape[1]), train)


def neighbour_distance(train: np.ndarray, neighbours: int) -> Scorer:
    """Mean distance to the ``neighbours`` nearest training examples (Angiulli & Pizzuti 2002)."""
    return neighbour_scorer(RawCoder(train.shape[1]), train, neighbours)


def isolation_forest(train: np.ndarray, seed: int) -> Scorer:
    """How few random cuts set an example apart (Liu et al. 2008), scikit-learn's defaults."""
    forest = IsolationForest(random_state=seed).fit(train)
    return lambda x: np.asarray(-forest.score_samples(x))


def local_outlier_factor(train: np.ndarray, neighbours: int) -> Scorer:
    """The density of an example's neighbours over its own (Breunig et al. 2000)."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Duplicate values", UserWarning)
        factor = LocalOutlierFactor(n_neighbors=min(neighbours, len(train) - 1), novelty=True).fit(train)
    return lambda x: np.asarray(-factor.score_samples(x))


def ecod(train: np.ndarray) -> Scorer:
    """Empirical cumulative distributions (Li et al. 2022, ECOD, algorithm 1): how far out in the tails of each value.

    Tail probabilities p of training examples ``[N, D]``, as (count + 1) / (N + 1); the score is the largest of three
    sums of -log p over values: of all left tails, of all right ones, and of each value's longer one, by its skewness.
    """
    known = np.sort(train, axis=0)
    count = len(train)
    flat = np.ptp(train, axis=0) == 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of values that are all the same
        left_is_longer = np.where(flat, 0, skew(train.astype(np.float64), axis=0)) < 0

    def score(x: np.ndarray) -> np.ndarray:
        columns = range(x.shape[1])
        below = np.stack([np.searchsorted(known[:, c], x[:, c], "right") for c in columns], axis=1)
        above = np.stack([count - np.searchsorted(known[:, c], x[:, c], "left") for c in columns], axis=1)
        left, right = (-np.log((tail + 1) / (count + 1)) for tail in (below, above))
        longer = np.where(left_is_longer, left, right)
        return np.asarray(np.max([tails.sum(1) for tails in (left, right, longer)], axis=0))

    return score
