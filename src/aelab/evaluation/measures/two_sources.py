"""Confidence intervals of an estimate that other examples, and other replicas, would have changed.

Each standard error is stretched by Student's t quantile of its own degrees of freedom before the two are added in
quadrature: with few replicas, theirs is the part that is poorly known.
Pure numbers.
"""

from __future__ import annotations

import math

Interval = tuple[float, float]


def half_width(examples: float, units: float, se_examples: float, se_units: float, level: float = 0.95) -> float:
    """``hypot(t_{N-1} se_examples, t_{K-1} se_units)``, nan where a part is nan.

    ``examples``: N, of the test part. ``units``: K replicas, or the data sets or partitions that take their place.
    """
    if min(examples, units) < 2:
        return math.nan
    from scipy.special import stdtrit  # a quarter of a second, which `compare --status` has no use for

    tail = (1 + level) / 2
    return math.hypot(float(stdtrit(examples - 1, tail)) * se_examples, float(stdtrit(units - 1, tail)) * se_units)


def symmetric(
    value: float, examples: float, units: float, se_examples: float, se_units: float, level: float = 0.95
) -> Interval:
    """``value`` -+ ``half_width``."""
    half = half_width(examples, units, se_examples, se_units, level)
    return value - half, value + half


def of_logarithm(
    value: float, examples: float, units: float, se_examples: float, se_log_units: float, level: float = 0.95
) -> Interval:
    """``value exp(-+ hypot(t_{N-1} se_examples / value, t_{K-1} se_log_units))``, of a positive ``value``.

    A variance is skewed and never negative; its logarithm is nearly symmetric (Miller 1968, Jackknifing
    variances).
    ``se_log_units``: standard error of the logarithm over replicas, by the jackknife.
    """
    half = half_width(examples, units, se_examples / value, se_log_units, level)
    return value * math.exp(-half), value * math.exp(min(half, 700.0))  # what is beyond is no float
