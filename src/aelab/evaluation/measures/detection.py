"""How well scores tell anomalies from the rest, with 95 % confidence intervals over test examples."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import rankdata

from aelab.evaluation.measures.intervals import accuracy_score
from aelab.evaluation.protocol import Score

RESAMPLES = 1000
NORMAL = 1.959963984540054  # .975 quantile of the normal distribution
EDGE = 1e-12
FEW = 50  # of the rarer kind: from here on DeLong's interval covers 92 to 95 %


def auroc_score(scores: np.ndarray, anomaly: np.ndarray) -> Score:
    """Area under the ROC curve of ``scores`` ``[N]`` for bool ``anomaly`` ``[N]``, in which both values occur.

    It is the chance that an anomaly scores above a normal example, ties counting half. The interval is symmetric in
    the logit, its standard error that of DeLong et al. 1988 by midranks (Sun & Xu 2014, eqs. 5 to 10). With fewer than
    ``FEW`` anomalies, or normal examples, where that covers 80 to 91 %, it is ``newcombe_interval``.
    """
    high = scores[anomaly]
    low = scores[~anomaly]
    ranks = rankdata(scores)
    above = (ranks[anomaly] - rankdata(high)) / len(low)  # share of the normal examples below each anomaly
    below = 1 - (ranks[~anomaly] - rankdata(low)) / len(high)  # share of the anomalies above each normal example
    area = float(above.mean())
    parts = (above, below) if min(len(high), len(low)) > 1 else ()
    if min(len(high), len(low)) < FEW or area in (0, 1):
        return Score("auroc", area, *newcombe_interval(area, len(high), len(low)), True, parts)
    error = float(np.sqrt(above.var(ddof=1) / len(high) + below.var(ddof=1) / len(low)))
    return logit_score("auroc", area, error)._replace(parts=parts)


def newcombe_interval(area: float, anomalies: int, normal: int) -> tuple[float, float]:
    """Where ``|area - t| = 1.96 s(t)``, s the standard error of an area t: method 5 of Newcombe (2006, Statist. Med.).

    With N the mean of m anomalies and n normal examples,
    ``s(t)^2 = t (1 - t) (2N - 1 - 3 (N - 1) / ((2 - t) (1 + t))) / (m n)``, which is Hanley & McNeil's with both
    numbers replaced by their mean. The ends lie in [0, 1].
    """
    mean = (anomalies + normal) / 2

    def apart(t: float, sign: int) -> float:
        squared = t * (1 - t) * (2 * mean - 1 - 3 * (mean - 1) / ((2 - t) * (1 + t))) / (anomalies * normal)
        return sign * (area - t) - NORMAL * float(np.sqrt(squared))

    # both ends of [0, 1] are roots of their own where the area is one of them: the other root is the one meant
    low = 0.0 if area <= 0 else float(brentq(apart, 0.0, min(area, 1 - EDGE), args=(1,)))
    high = 1.0 if area >= 1 else float(brentq(apart, max(area, EDGE), 1.0, args=(-1,)))
    return low, high


def average_precision_score(scores: np.ndarray, anomaly: np.ndarray, seed: int) -> Score:
    """Mean precision at the thresholds where recall rises, each weighted by the rise; equal scores rise as one.

    The interval is symmetric in the logit; its standard error is that of ``RESAMPLES`` bootstrap samples which keep
    the numbers of anomalies and of normal examples.
    """
    order = np.argsort(-scores, kind="stable")
    last = np.flatnonzero(np.diff(scores[order], append=-np.inf))  # of each run of equal scores
    found = anomaly[order]
    value = float(average_precision(found, np.ones(len(found)), last))
    draw = np.random.default_rng(seed)
    samples = []
    for _ in range(RESAMPLES):
        weights = np.empty(len(found))
        for kind in (found, ~found):
            count = int(kind.sum())
            weights[kind] = np.bincount(draw.integers(0, count, count), minlength=count)
        samples.append(average_precision(found, weights, last))
    influence = np.empty(len(found))
    influence[order] = average_precision_influence(found, last)
    parts = tuple(kind.sum() * influence[kind] for kind in (anomaly, ~anomaly))
    return logit_score("average_precision", value, float(np.std(samples, ddof=1)))._replace(parts=parts)


def average_precision(anomaly: np.ndarray, weights: np.ndarray, last: np.ndarray) -> float:
    """Of examples ``[N]`` in order, the highest score first, which occur ``weights`` times; ``last``: see above."""
    flagged = weights.cumsum()[last]
    right = (weights * anomaly).cumsum()[last]
    rise = np.diff(right, prepend=0.0)
    return float((rise * right / np.maximum(flagged, 1)).sum() / right[-1])


def average_precision_influence(anomaly: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Derivatives ``[N]`` of ``average_precision`` by how often each example occurs, at once each (infinitesimal
    jackknife, Efron 1982, chapter 6)."""
    flagged = (last + 1).astype(np.float64)
    right = anomaly.cumsum()[last].astype(np.float64)
    rise = np.diff(right, prepend=0.0)
    total = right[-1]
    run = np.searchsorted(last, np.arange(len(anomaly)))  # which run of equal scores each belongs to
    of_anomaly = (rise / flagged)[::-1].cumsum()[::-1][run]
    of_all = (rise * right / flagged**2)[::-1].cumsum()[::-1][run]
    value = (rise * right / flagged).sum() / total
    own = (right / flagged)[run] - value
    return np.asarray((anomaly * (of_anomaly + own) - of_all) / total)


def threshold_scores(scores: np.ndarray, anomaly: np.ndarray, threshold: float) -> list[Score]:
    """What comes of calling everything above ``threshold`` an anomaly; shares with Wilson's interval.

    ``precision`` is 0, without an interval, where nothing is.
    """
    flagged = scores > threshold
    precision = Score("precision", 0.0, share=True)
    if flagged.any():
        precision = accuracy_score("precision", anomaly[flagged])
        # every method flags others: as a ratio of means over all
        apart = flagged * (anomaly - precision.value) / flagged.mean()
        precision = precision._replace(parts=(precision.value + apart,))
    return [
        Score("threshold", threshold),
        precision,
        accuracy_score("recall", flagged[anomaly]),
        accuracy_score("false_positive_rate", flagged[~anomaly]),
    ]


def logit_score(metric: str, value: float, error: float) -> Score:
    """A share with an interval that stays between 0 and 1; none where the value is one of them or has no spread."""
    if not 0 < value < 1 or not error > 0:
        return Score(metric, value, share=True)
    half = NORMAL * error / (value * (1 - value))
    return Score(metric, value, float(expit(logit(value) - half)), float(expit(logit(value) + half)), True)
