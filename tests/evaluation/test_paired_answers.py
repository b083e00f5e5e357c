"""A run minus its baselines on the same test examples: against closed forms, resampling, and the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import stdtrit
from scipy.stats import norm, rankdata, ttest_rel

from aelab.evaluation.baselines.regression import rank_correlation_parts, spearman_score
from aelab.evaluation.measures.detection import (
    auroc_score,
    average_precision,
    average_precision_influence,
    average_precision_score,
    threshold_scores,
)
from aelab.evaluation.measures.intervals import accuracy_score, mean_score
from aelab.evaluation.measures.paired import differences, minus
from aelab.evaluation.measures.replicated import BOTH, EXAMPLES
from aelab.evaluation.protocol import Score


def draws(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def two_scores(seed: int = 0, anomalies: int = 40, normal: int = 120) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two methods' correlated scores of the same examples, with ties, and which are anomalies."""
    anomaly = np.arange(anomalies + normal) % (1 + normal // anomalies) == 0
    base = draws(len(anomaly), seed=seed) + anomaly
    other = base + 0.5 * draws(len(anomaly), seed=seed + 2)
    return (base + draws(len(anomaly), seed=seed + 1)).round(1), other, anomaly


def test_a_difference_of_means_is_a_paired_t() -> None:
    a, b = draws(30), draws(30, seed=1) + 0.2
    value, low, high = minus([mean_score("error", a)], mean_score("error", b))
    expected = ttest_rel(a, b).confidence_interval(0.95)
    assert_allclose((value, low, high), (a.mean() - b.mean(), expected.low, expected.high))


def test_a_difference_of_areas_has_delong_s_covariance() -> None:
    """From the tables of all pairs (DeLong et al. 1988, eqs. 3 to 6)."""
    *both, anomaly = two_scores()
    tables = [
        (each[anomaly][:, None] > each[~anomaly]) + 0.5 * (each[anomaly][:, None] == each[~anomaly]) for each in both
    ]
    contrast = np.array([1.0, -1.0])
    covariances = [np.cov(np.stack([table.mean(axis) for table in tables])) for axis in (1, 0)]
    squared = sum(contrast @ cov @ contrast / count for cov, count in zip(covariances, (40, 120), strict=True))
    value, low, high = minus([auroc_score(both[0], anomaly)], auroc_score(both[1], anomaly))
    assert_allclose(value, tables[0].mean() - tables[1].mean())
    assert low is not None and high is not None
    assert_allclose((high - low) / 2, stdtrit(39, 0.975) * math.sqrt(squared))
    assert_allclose((high + low) / 2, value)


def test_average_precision_s_influence_is_its_derivative_and_its_bootstrap() -> None:
    scores, _, anomaly = two_scores(3)
    order = np.argsort(-scores, kind="stable")
    last = np.flatnonzero(np.diff(scores[order], append=-np.inf))
    found = anomaly[order]
    twice = np.full(len(found), 2.0)  # where nobody divides by less than 1; doubling all changes nothing
    numerical = []
    for index in range(len(found)):
        here = np.arange(len(found)) == index
        moved = [average_precision(found, twice + step * here, last) for step in (1e-6, -1e-6)]
        numerical.append(2 * (moved[0] - moved[1]) / 2e-6)
    assert_allclose(average_precision_influence(found, last), numerical, atol=1e-7)
    score = average_precision_score(scores, anomaly, 0)
    error = math.sqrt(sum(part.var(ddof=1) / len(part) for part in score.parts))
    assert score.low is not None and score.high is not None
    logits = [math.log(end / (1 - end)) for end in (score.low, score.high)]
    bootstrapped = (logits[1] - logits[0]) / 2 / 1.959964 * score.value * (1 - score.value)
    assert error == pytest.approx(bootstrapped, rel=0.15)


def test_rank_correlations_vary_as_their_parts_say() -> None:
    a, b = draws(80).round(1), draws(80, seed=1)
    b = b + 0.8 * a
    parts = rank_correlation_parts(rankdata(a), rankdata(b))
    left = [
        spearman_score("rho", np.delete(a, index), np.delete(b, index)).value for index in range(len(a))
    ]  # the jackknife
    jackknife = math.sqrt((len(a) - 1) * np.var(left))
    assert parts.std(ddof=1) / math.sqrt(len(a)) == pytest.approx(jackknife, rel=0.05)


def test_precision_is_a_ratio_over_all_examples() -> None:
    scores, other, anomaly = two_scores(7)
    found = [threshold_scores(each, anomaly, 0.8)[1] for each in (scores, other)]
    flagged = [each > 0.8 for each in (scores, other)]
    assert flagged[0].sum() != flagged[1].sum(), "each flags others"
    value, low, high = minus([found[0]], found[1])
    random = np.random.default_rng(0)
    sampled = []
    for _ in range(2000):
        rows = random.integers(0, len(anomaly), len(anomaly))
        sampled.append(np.subtract(*(anomaly[rows][each[rows]].mean() for each in flagged)))
    assert low is not None and high is not None
    assert value == pytest.approx(found[0].value - found[1].value)
    assert (high - low) / 2 == pytest.approx(1.97 * np.std(sampled), rel=0.1)


def test_replicas_add_their_own_part() -> None:
    base = draws(50)
    own = [mean_score("error", base + shift + 0.1 * draws(50, seed=k)) for k, shift in enumerate((0.0, 0.3, 0.1))]
    other = mean_score("error", base * 1.1)
    value, low, high = minus(own, other)
    means = np.array([score.value for score in own])
    rows = np.mean([score.parts[0] for score in own], axis=0) - other.parts[0]
    half = math.hypot(
        stdtrit(49, 0.975) * rows.std(ddof=1) / math.sqrt(50), stdtrit(2, 0.975) * means.std(ddof=1) / math.sqrt(3)
    )
    assert_allclose((value, low, high), (rows.mean(), rows.mean() - half, rows.mean() + half))


def test_what_is_not_of_the_same_examples_or_is_the_same_has_no_interval() -> None:
    score = accuracy_score("recall", np.arange(30) < 20)
    assert minus([score], accuracy_score("recall", np.arange(29) < 20))[1] is None
    assert minus([score], Score("recall", 0.5))[1:] == (None, None)
    assert minus([score], score) == (0, None, None)


def test_rows_are_of_the_metrics_that_both_have() -> None:
    own = [[mean_score("error", draws(20)), Score("threshold", 1.0)]]
    beside = {"pca": [mean_score("error", draws(20, seed=1)), Score("threshold", 2.0)], "raw": [Score("map", 0.5)]}
    [row] = differences(own, beside)
    assert (row["method"], row["metric"], row["replicas"], row["over"]) == ("pca", "error", 1, EXAMPLES)
    assert {one["over"] for one in differences(own * 2, beside)} == {BOTH}


@pytest.mark.slow
@pytest.mark.parametrize("anomalies, normal", [(20, 400), (100, 900)])
@pytest.mark.parametrize("replicas", [1, 3, 5])
@pytest.mark.parametrize("better", [0.8, 0.9])
def test_paired_differences_of_areas_cover_the_truth(anomalies: int, normal: int, replicas: int, better: float) -> None:
    """A method of area ``better`` minus one of 0.8: Gaussian scores with half of their variance in common."""
    draw = np.random.default_rng(anomalies + replicas)
    anomaly = np.arange(anomalies + normal) < anomalies
    apart = [norm.ppf(area) * math.sqrt(2) * anomaly for area in (better, 0.8)]
    held = []
    for _ in range(400):
        common = draw.normal(size=len(anomaly)) * math.sqrt(0.5)
        own = common + draw.normal(size=len(anomaly)) * math.sqrt(0.45)
        noise = draw.normal(size=(replicas, len(anomaly))) * math.sqrt(0.05)
        other = common + draw.normal(size=len(anomaly)) * math.sqrt(0.5)
        _, low, high = minus(
            [auroc_score(own + one + apart[0], anomaly) for one in noise], auroc_score(other + apart[1], anomaly)
        )
        assert low is not None and high is not None
        held.append(low <= better - 0.8 <= high)
    print(f"{anomalies} anomalies, {replicas} replicas, {better} - 0.8: {np.mean(held):.1%}")
    assert np.mean(held) >= 0.92
