"""Newcombe's interval of an AUROC, and intervals over replicas and test examples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit, logit
from scipy.stats import norm, t

from aelab.evaluation.measures.detection import FEW, auroc_score, newcombe_interval
from aelab.evaluation.measures.intervals import accuracy_score, mean_score
from aelab.evaluation.measures.replicated import BOTH, REPLICAS, over_both
from aelab.evaluation.protocol import Score


@pytest.mark.parametrize("area", [0.02, 0.5, 0.9, 0.999])
def test_newcombe_s_ends_solve_hanley_and_mcneil_s_variance_with_mean_numbers(area: float) -> None:
    anomalies, normal = 7, 60
    others = (anomalies + normal) / 2 - 1
    for end in newcombe_interval(area, anomalies, normal):
        parts = (1 - end) / (2 - end) + end / (1 + end)
        squared = end * (1 - end) * (1 + others * parts) / (anomalies * normal)
        assert_allclose(abs(area - end), 1.959964 * math.sqrt(squared), rtol=1e-6)


def test_a_perfect_area_has_a_lower_end_and_few_anomalies_take_newcombe_s() -> None:
    low, high = newcombe_interval(1.0, 3, 60)
    assert 0.5 < low < 0.95 and high == 1
    assert_allclose(newcombe_interval(0.0, 3, 60), (0, 1 - low))
    anomaly = np.arange(FEW + 9) < 9
    score = auroc_score(anomaly + np.sin(np.arange(FEW + 9.0)), anomaly)
    assert (score.low, score.high) == newcombe_interval(score.value, 9, FEW)


def test_both_sources_are_added_in_quadrature() -> None:
    scores = [Score("error", value, value - 0.3, value + 0.5) for value in (1.0, 2.0, 4.0)]
    values = np.array([1.0, 2.0, 4.0])
    half = t(2).ppf(0.975) * values.std(ddof=1) / math.sqrt(3)
    low, high, over = over_both(scores)
    assert over == BOTH
    assert_allclose((low, high), (values.mean() - math.hypot(half, 0.3), values.mean() + math.hypot(half, 0.5)))
    assert_allclose(over_both([Score("x", v) for v in values])[:2], (values.mean() - half, values.mean() + half))
    assert over_both([Score("x", v) for v in values])[2] == REPLICAS


def test_ends_of_shares_stay_in_0_and_1() -> None:
    right = np.arange(40) < 38
    alike = [accuracy_score("accuracy", right)] * 3
    assert_allclose(over_both(alike)[:2], (alike[0].low, alike[0].high), err_msg="without spread: Wilson's own")
    apart = [accuracy_score("accuracy", np.arange(40) < count) for count in (40, 30, 39)]
    low, high, _ = over_both(apart)
    assert low is not None and high is not None and 0 <= low < 0.9 < high <= 1
    perfect = [accuracy_score("accuracy", np.ones(40, bool))] * 2
    assert over_both(perfect)[:2] == (perfect[0].low, 1.0)
    area, half = 0.9, 0.01
    shares = [Score("auroc", area - half, *expit(logit(area - half) + np.array([-0.2, 0.2])), True)] * 2
    assert_allclose(logit(over_both(shares)[:2]), logit(area - half) + np.array([-0.2, 0.2]))
    assert mean_score("map", np.array([0.0, 1.0, 1.0]), share=True)[2:4] == (0.0, 1.0)


@pytest.mark.slow
@pytest.mark.parametrize("anomalies, normal", [(20, 400), (100, 900)])
@pytest.mark.parametrize("common", [0.9, 0.98])
@pytest.mark.parametrize("replicas", [3, 5])
def test_intervals_over_replicas_cover_the_truth(anomalies: int, normal: int, common: float, replicas: int) -> None:
    """AUROC 0.9 of Gaussian scores whose share ``common`` of the variance all replicas have in common."""
    draw = np.random.default_rng(1000 * anomalies + replicas)
    anomaly = np.arange(anomalies + normal) < anomalies
    apart = norm.ppf(0.9) * math.sqrt(2)
    held = []
    for _ in range(400):
        base = draw.normal(size=len(anomaly)) * math.sqrt(common) + apart * anomaly
        noise = draw.normal(size=(replicas, len(anomaly))) * math.sqrt(1 - common)
        low, high, _ = over_both([auroc_score(base + one, anomaly) for one in noise])
        assert low is not None and high is not None
        held.append(low <= 0.9 <= high)
    print(f"{anomalies} anomalies, {common:.0%} common, {replicas} replicas: {np.mean(held):.1%}")
    assert np.mean(held) >= 0.92
