"""95 % confidence intervals over test examples."""

from __future__ import annotations

import numpy as np
from scipy.special import stdtrit
from scipy.stats import binomtest

from aelab.evaluation.protocol import Score


def mean_score(metric: str, values: np.ndarray, share: bool = False, weight: np.ndarray | None = None) -> Score:
    """The mean of one value per example ``[N]`` with its t-interval; none for fewer than two examples.

    ``share``: the values lie in [0, 1], and so do the ends. ``weight``: what each counts; the standard error is then
    that of a ratio (Cochran 1977, ch. 6).
    """
    mean = float(np.average(values, weights=weight) if weight is not None else values.mean(dtype=np.float64))
    if len(values) < 2:
        return Score(metric, mean, share=share)
    if weight is None:
        error = values.std(ddof=1, dtype=np.float64) / np.sqrt(len(values))
    else:
        squares = np.square(weight * (values - mean)).sum(dtype=np.float64)
        error = np.sqrt(len(values) / (len(values) - 1) * squares) / weight.sum(dtype=np.float64)
    half = float(stdtrit(len(values) - 1, 0.975) * error)
    low = mean - half
    high = mean + half
    ends = (max(low, 0.0), min(high, 1.0)) if share else (low, high)
    return Score(metric, mean, *ends, share, (values.astype(np.float64),))


def accuracy_score(metric: str, right: np.ndarray) -> Score:
    """The share of true values in ``[N]`` with Wilson's interval."""
    interval = binomtest(int(right.sum()), len(right)).proportion_ci(method="wilson")
    parts = (right.astype(np.float64),)
    return Score(metric, float(right.mean()), float(interval.low), float(interval.high), True, parts)
