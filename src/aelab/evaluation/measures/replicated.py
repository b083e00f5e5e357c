"""The 95 % interval of a score that several replicas have, for other replicas and other test examples."""

from __future__ import annotations

import math
from collections.abc import Sequence

from scipy.special import expit, logit, stdtrit

from aelab.evaluation.protocol import Score

EXAMPLES = "test examples"
REPLICAS = "replicas"
BOTH = "replicas and test examples"


def over_both(scores: Sequence[Score]) -> tuple[float | None, float | None, str]:
    """The ends for the mean of K >= 2 replicas' scores on the same test examples, and over what they are.

    The replicas' part, ``t_{K-1} s / sqrt K``, and the mean distance from their values to the ends of their own
    intervals, over test examples, are added in quadrature: on the logit scale for shares, whose ends so stay in [0, 1].
    Replicas share the test examples, so that the second part does not shrink with K. Without intervals of their own it
    is the first part alone. (None, None, ...) where a value is not finite, or all are 0 or 1 without an interval.
    """
    count = len(scores)
    mean = math.fsum(score.value for score in scores) / count
    spread = math.sqrt(math.fsum((score.value - mean) ** 2 for score in scores) / (count - 1) / count)
    half = float(stdtrit(count - 1, 0.975)) * spread
    if not math.isfinite(half):
        return None, None, REPLICAS
    own = [(score.value, score.low, score.high) for score in scores if score.low is not None and score.high is not None]
    over = BOTH if own else REPLICAS
    value, low, high = (math.fsum(each) / len(own) for each in zip(*own, strict=True)) if own else (mean, mean, mean)
    if not scores[0].share:
        return mean - math.hypot(half, value - low), mean + math.hypot(half, high - value), over
    if not 0 < mean < 1:
        return (max(low, 0.0), min(high, 1.0), over) if own else (None, None, over)
    slope = mean * (1 - mean)
    down, up = (abs(float(logit(value) - logit(min(max(end, 0.0), 1.0)))) for end in (low, high))
    centre = float(logit(mean))
    ends = centre - math.hypot(half / slope, down), centre + math.hypot(half / slope, up)
    return float(expit(ends[0])), float(expit(ends[1])), over
