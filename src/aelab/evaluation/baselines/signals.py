"""Anomaly scores of the points of a signal without any training of a network: the more anomalous, the larger."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from aelab.evaluation.baselines.outliers import mahalanobis
from aelab.evaluation.measures.timeline import Timeline, cut, whole

AT_ONCE = 2**22  # distances


def window_distance(train: np.ndarray, x: np.ndarray, timeline: Timeline) -> np.ndarray:
    """Squared Mahalanobis distance of raw windows ``[N, D]`` to the mean of training windows, as points ``[T]``."""
    return timeline.over_points(mahalanobis(train)(x))


def change(series: np.ndarray, timeline: Timeline) -> np.ndarray:
    """How far a point is from the one before, ``|x_t - x_{t-1}|`` over channels, ``[T]``: one line of code, which
    solves some benchmarks (Wu & Keogh 2021)."""
    found = np.zeros(len(series))
    for first, behind in pairwise(timeline.offsets.tolist()):
        steps = np.linalg.norm(np.diff(series[first:behind].astype(np.float64), axis=0), axis=1)
        found[first + 1 : behind] = steps
        found[first] = steps[0]
    return found


def matrix_profile(known: np.ndarray, known_timeline: Timeline, series: np.ndarray, timeline: Timeline) -> np.ndarray:
    """Distance of each window of a series ``[T, C]`` to the nearest one of a known series, each with mean 0 and
    variance 1, a constant one with 0 everywhere (Yeh et al. 2016), summed over channels, as points ``[T]``.

    All pairs are compared, by products of matrices: that takes ``2 T T' window`` operations a channel.
    """
    window = timeline.window
    searched = np.concatenate([_normed(one, window) for one in _stretches(known, known_timeline)])
    searched = searched[np.isfinite(searched).all((1, 2))]
    pieces = []
    for own in _stretches(series, timeline):
        queries = _normed(own, window)
        distance = sum(_nearest(queries[:, channel], searched[:, channel]) for channel in range(own.shape[1]))
        pieces.append(whole(own, "", window, 1, timeline.channels).over_points(np.asarray(distance)))
    return np.concatenate(pieces)


def _stretches(series: np.ndarray, timeline: Timeline) -> list[np.ndarray]:
    return [series[first:behind].astype(np.float64) for first, behind in pairwise(timeline.offsets.tolist())]


def _normed(series: np.ndarray, window: int) -> np.ndarray:
    """All windows ``[n, C, window]`` of a series, with mean 0 and variance 1, or 0 everywhere."""
    found = cut(series, window, 1)
    centred = found - found.mean(-1, keepdims=True)
    flat = found.max(-1, keepdims=True) == found.min(-1, keepdims=True)
    return np.where(flat, 0, centred / np.where(flat, 1, found.std(-1, keepdims=True)))


def _nearest(queries: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Distance of each row ``[n, window]`` to the nearest of ``[N, window]``."""
    lengths = np.square(known).sum(1)
    found = np.empty(len(queries))
    step = max(1, AT_ONCE // len(known))
    for first in range(0, len(queries), step):
        some = queries[first : first + step]
        squares = np.square(some).sum(1) + (lengths - 2 * some @ known.T).min(1)
        found[first : first + step] = np.sqrt(squares.clip(0))
    return found
