"""95 % confidence intervals over test examples."""

from __future__ import annotations

import numpy as np
from scipy.special import stdtrit
from scipy.stats import binomtest

from aelab.evaluation.protocol import Score


def mean_score(metric: str, values: np.ndarray, share: bool = False) -> Score:
    """The mean of one value per example ``[N]`` with its t-interval; none for fewer than two examples.

    ``share``: the values lie in [0, 1], and so do the ends.
    """
    mean = float(values.mean(dtype=np.float64))
    if len(values) < 2:
        return Score(metric, mean, share=share)
    half = float(stdtrit(len(values) - 1, 0.975) * values.std(ddof=1, dtype=np.float64) / np.sqrt(len(values)))
    low = mean - half
    high = mean + half
    ends = (max(low, 0.0), min(high, 1.0)) if share else (low, high)
    return Score(metric, mean, *ends, share, (values.astype(np.float64),))


def accuracy_score(metric: str, right: np.ndarray) -> Score:
    """The share of true values in ``[N]`` with Wilson's interval."""
    interval = binomtest(int(right.sum()), len(right)).proportion_ci(method="wilson")
    parts = (right.astype(np.float64),)
    return Score(metric, float(right.mean()), float(interval.low), float(interval.high), True, parts)
