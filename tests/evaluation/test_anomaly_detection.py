"""Anomaly scores and how they are judged, against closed forms, exhaustive small cases and scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit, logit
from scipy.stats import skew
from sklearn.metrics import average_precision_score as sklearn_average_precision
from sklearn.metrics import roc_auc_score

from aelab.errors import UserError
from aelab.evaluation.anomaly_detection import AnomalyDetection, pca_beside
from aelab.evaluation.baselines.linear import PCACoder, RawCoder
from aelab.evaluation.baselines.outliers import ecod
from aelab.evaluation.measures.anomaly_scores import (
    SCORERS,
    error_and_distance_scorer,
    error_scorer,
    joint_mahalanobis_scorer,
    mahalanobis_scorer,
    neighbour_scorer,
    relative_error_scorer,
    squared_errors,
)
from aelab.evaluation.measures.detection import auroc_score, average_precision_score, threshold_scores
from aelab.evaluation.protocol import Examples, Part


def draws(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def part(labels: list[str], seed: int = 0, width: int = 6) -> Part:
    """Normal examples near a plane, anomalies anywhere."""
    plane = draws(len(labels), 2, seed=seed) @ draws(2, width, seed=99)
    away = np.array([label != "a" for label in labels])[:, None]
    x = np.where(away, draws(len(labels), width, seed=seed + 1) * 2, plane + draws(len(labels), width, seed=seed) * 0.1)
    return Part(x.astype(np.float32), np.array(labels))


def one_class(**changes: Part) -> Examples:
    data = Examples(
        part(["a"] * 80), part(["a"] * 40, 5), part(["a"] * 60 + ["b"] * 20 + ["c"] * 20, 10), (6,), "plane"
    )
    return data._replace(**changes)


# --- scores ---


def test_errors_are_summed_over_values() -> None:
    x, again = draws(5, 3), draws(5, 3, seed=1)
    assert_allclose(squared_errors(x, again), [sum((r - v) ** 2) for r, v in zip(again, x, strict=True)])


def test_relative_errors_grow_with_the_first_power_of_the_contrast() -> None:
    class Nothing(RawCoder):
        def reconstruct(self, x: np.ndarray) -> np.ndarray:
            return np.zeros_like(x)

    x = draws(5, 3)
    scores = relative_error_scorer(Nothing(3), x)
    assert_allclose(scores(x), np.linalg.norm(x, axis=1))
    assert_allclose(scores(3 * x), 3 * scores(x))
    assert scores(np.zeros((1, 3))) == [0]


def test_mahalanobis_distance_does_not_depend_on_the_codes_scales() -> None:
    train, x = draws(50, 3), draws(7, 3, seed=1)
    centred = x - train.mean(0)
    expected = [row @ np.linalg.solve(np.cov(train.T), row) for row in centred]
    assert_allclose(mahalanobis_scorer(RawCoder(3), train)(x), expected)
    mixed = np.array([[10.0, 1, 0], [0, 0.01, 0], [3, 0, 1]])
    assert_allclose(mahalanobis_scorer(RawCoder(3), train @ mixed)(x @ mixed), expected)
    dead = np.column_stack([train, np.ones(50)])
    assert_allclose(mahalanobis_scorer(RawCoder(4), dead)(np.column_stack([x, np.ones(7)])), expected)


def test_error_and_distance_have_equal_weight() -> None:
    train, x = part(["a"] * 50).x, part(["b"] * 7).x
    coder = PCACoder(train, 2)
    expected = np.zeros(7)
    for scorer in (error_scorer(coder, train), mahalanobis_scorer(coder, train)):
        expected += scorer(x) / scorer(train).mean()
    assert_allclose(error_and_distance_scorer(coder, train)(x), expected)
    assert_allclose(error_and_distance_scorer(coder, train)(train).mean(), 2)


def test_distances_to_the_nearest_codes_are_exact() -> None:
    train, x = draws(30, 3), draws(7, 3, seed=1)
    distances = np.sort(np.linalg.norm(x[:, None] - train, axis=2), axis=1)
    assert_allclose(neighbour_scorer(RawCoder(3), train, neighbours=4)(x), distances[:, :4].mean(1))
    assert_allclose(neighbour_scorer(RawCoder(3), train[:2])(x).shape, [7])


# --- how they are judged ---


def test_area_and_its_interval_by_pairs() -> None:
    """DeLong's variance from the table of all pairs (DeLong et al. 1988, eqs. 3 to 5), ties included."""
    scores, anomaly = draws(160).round(1), np.arange(160) % 3 == 0
    high, low = scores[anomaly], scores[~anomaly]
    wins = (high[:, None] > low) + 0.5 * (high[:, None] == low)
    assert (wins == 0.5).sum() > 0
    error = np.sqrt(wins.mean(1).var(ddof=1) / len(high) + wins.mean(0).var(ddof=1) / len(low))
    found = auroc_score(scores, anomaly)
    assert_allclose([found.value, wins.mean()], roc_auc_score(anomaly, scores))
    slope = found.value * (1 - found.value)
    assert_allclose([found.low, found.high], expit(logit(found.value) + np.array([-1, 1]) * 1.959964 * error / slope))


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """Normal scores against anomalies shifted by one: the area is Phi(1 / sqrt(2)) = 0.7602."""
    anomaly = np.arange(150) < 30
    found = [auroc_score(draws(150, seed=seed) + anomaly, anomaly) for seed in range(400)]
    held = np.mean([score.low < 0.760250 < score.high for score in found])  # type: ignore[operator]
    assert abs(held - 0.95) < 3 * np.sqrt(0.95 * 0.05 / 400)


def test_average_precision_is_scikit_learns_ties_included() -> None:
    for decimals in (9, 0):
        scores, anomaly = draws(200).round(decimals), np.arange(200) % 7 == 0
        found = average_precision_score(scores + 0.5 * anomaly, anomaly, seed=0)
        assert_allclose(found.value, sklearn_average_precision(anomaly, scores + 0.5 * anomaly))
        assert found.low < found.value < found.high  # type: ignore[operator]
    again = average_precision_score(scores + 0.5 * anomaly, anomaly, seed=0)
    assert again[:5] == found[:5], "the same seed draws the same samples"


def test_bootstrap_samples_are_weights_of_scikit_learns_average_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    scores, anomaly = draws(60).round(1), np.arange(60) % 4 == 0
    monkeypatch.setattr("aelab.evaluation.measures.detection.RESAMPLES", 2)
    found = average_precision_score(scores, anomaly, seed=3)
    order, draw, values = np.argsort(-scores, kind="stable"), np.random.default_rng(3), []
    for _ in range(2):
        rows = [
            np.flatnonzero(kind)[draw.integers(0, kind.sum(), kind.sum())] for kind in (anomaly[order], ~anomaly[order])
        ]
        sample = order[np.concatenate(rows)]
        values.append(sklearn_average_precision(anomaly[sample], scores[sample]))
    assert found.low is not None
    half = 1.959964 * np.std(values, ddof=1) / (found.value * (1 - found.value))
    assert_allclose(found.low, expit(logit(found.value) - half), rtol=1e-6)


def test_a_perfect_score_has_no_spread_to_tell_of() -> None:
    anomaly = np.arange(10) > 6
    score = average_precision_score(anomaly * 1.0, anomaly, 0)
    assert (score.value, score.low, score.high) == (1, None, None)


def test_rates_above_a_threshold() -> None:
    scores, anomaly = np.array([1.0, 2, 3, 4, 5]), np.array([0, 0, 1, 0, 1], bool)
    values = {score.metric: score.value for score in threshold_scores(scores, anomaly, 2.0)}
    assert_allclose(list(values.values()), [2, 2 / 3, 1, 1 / 3])
    assert threshold_scores(scores, anomaly, 5.0)[1].value == 0


# --- the evaluation ---


def values_of(scores: list) -> dict[str, float]:  # type: ignore[type-arg]
    return {score.metric: score.value for score in scores}


def test_baselines_are_those_of_their_libraries() -> None:
    data = one_class()
    beside = {name: values_of(scores) for name, scores in AnomalyDetection().baselines(data, 2).items()}
    assert list(beside) == ["pca", "mahalanobis", "knn", "isolation_forest", "lof", "ecod"]
    anomaly = np.arange(100) >= 60
    coder = PCACoder(data.train.x, 2)
    errors = [np.square(coder.reconstruct(one.x) - one.x).sum(1) for one in (data.val, data.test)]
    assert_allclose(beside["pca"]["auroc"], roc_auc_score(anomaly, errors[1]))
    assert_allclose(beside["pca"]["threshold"], np.quantile(errors[0], 0.95), rtol=1e-6)
    assert all(found["auroc"] > 0.9 for found in beside.values()), "higher is more anomalous, for all of them"
    centred = data.test.x - data.train.x.mean(0)
    distances = np.einsum("ni,ij,nj->n", centred, np.linalg.inv(np.cov(data.train.x.T.astype(np.float64))), centred)
    assert_allclose(beside["mahalanobis"]["auroc"], roc_auc_score(anomaly, distances))
    apart = np.sort(np.linalg.norm(data.test.x[:, None] - data.train.x, axis=2), axis=1)[:, :5].mean(1)
    assert_allclose(beside["knn"]["auroc"], roc_auc_score(anomaly, apart))


def test_ecod_is_its_paper_s_algorithm_value_by_value() -> None:
    train, x = draws(40, 3).round(1), draws(9, 3, seed=1)
    train[:, 1] = np.exp(train[:, 1])
    train[:, 2] = -np.exp(train[:, 2])
    expected = []
    for row in x:
        left = [(sum(v <= e for v in column) + 1) / 41 for column, e in zip(train.T, row, strict=True)]
        right = [(sum(v >= e for v in column) + 1) / 41 for column, e in zip(train.T, row, strict=True)]
        longer = [left[0] if skew(train[:, 0]) < 0 else right[0], right[1], left[2]]
        expected.append(max(-sum(map(math.log, tails)) for tails in (left, right, longer)))
    assert_allclose(ecod(train)(x), expected)
    assert np.isfinite(ecod(np.column_stack([train, np.ones(40)]))(np.column_stack([x, np.ones(9)]))).all()


def test_settings_may_be_chosen_on_validation_rows_of_both_kinds() -> None:
    data = one_class()
    assert "val_auroc" not in values_of(AnomalyDetection().measure(PCACoder(data.train.x, 2), data))
    both = data._replace(val=part(["a"] * 40 + ["b"] * 10, 5))
    found = values_of(AnomalyDetection().measure(PCACoder(data.train.x, 2), both))
    errors = error_scorer(PCACoder(data.train.x, 2), data.train.x)(both.val.x)
    assert_allclose(found["val_auroc"], roc_auc_score(np.arange(50) >= 40, errors))


def test_the_joint_distance_of_pca_is_that_of_the_raw_values() -> None:
    """Whatever the code size: code and residual lose nothing."""
    train, x = draws(60, 5) @ draws(5, 5, seed=3), draws(8, 5, seed=4)
    raw = mahalanobis_scorer(RawCoder(5), train)(x)
    for size in (1, 2, 4):
        assert_allclose(joint_mahalanobis_scorer(PCACoder(train, size), train)(x), raw, rtol=1e-8)
        assert_allclose(joint_mahalanobis_scorer(Rounded(train, size), train)(x), raw, rtol=1e-3)


class Rounded(PCACoder):
    """In float32, where directions in which nothing varies are not quite flat."""

    def encode(self, x: np.ndarray) -> np.ndarray:
        return super().encode(x).astype(np.float32)

    def decode(self, code: np.ndarray) -> np.ndarray:
        return super().decode(code).astype(np.float32)


def test_pca_never_keeps_all_values() -> None:
    x = one_class().train.x
    assert [pca_beside(x, code_size).code_size for code_size in (2, 5, 6, 32)] == [2, 5, 3, 3]
    assert pca_beside(x[:, :1], 4).code_size == 1


def test_what_counts_as_an_anomaly() -> None:
    data = one_class()
    is_b, is_c = np.repeat([0, 1, 0], [60, 20, 20]) == 1, np.arange(100) >= 80
    assert (AnomalyDetection().anomalous(data) == (is_b | is_c)).all()
    assert (AnomalyDetection(anomalies=["c"]).anomalous(data) == is_c).all()
    mixed = data._replace(train=part(["a"] * 60 + ["b"] * 20))
    assert (AnomalyDetection().anomalous(mixed) == is_c).all()
    assert AnomalyDetection(anomalies=["b"]).facts(mixed)["anomalies trained on"] == 20
    numbers = np.repeat([0, 1, 2], [60, 20, 20])
    counted = data._replace(
        train=data.train._replace(labels=np.zeros(80, int)), test=data.test._replace(labels=numbers)
    )
    assert (AnomalyDetection(anomalies=[1]).anomalous(counted) == is_b).all()
    named = np.where(is_b, "anomaly", "normal")
    both = data._replace(train=data.train._replace(labels=named[:80]), test=data.test._replace(labels=named))
    assert (AnomalyDetection().anomalous(both) == is_b).all(), "contaminated, as labelled"


class Broken(RawCoder):
    def encode(self, x: np.ndarray) -> np.ndarray:
        return np.full((len(x), 2), np.nan, np.float32)

    def reconstruct(self, x: np.ndarray) -> np.ndarray:
        return np.full_like(x, np.nan)


@pytest.mark.parametrize(
    "settings, changes, line",
    [
        (
            {},
            {"test": part(["a"] * 9)},
            "data=plane: the test part has no anomalies: training has all its labels, and none is called",
        ),
        ({}, {"test": part(["b"] * 9)}, r"the test part has nothing but anomalies \(b\); train on one label"),
        ({"anomalies": ["d"]}, {}, "anomalies=.'d'.: there is no label d; choose among a, b, c"),
        ({}, {"train": Part(draws(5, 6), None)}, "data=plane: this evaluation needs labels"),
    ],
)
def test_what_cannot_be_answered_is_refused(settings: dict, changes: dict, line: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(UserError, match=line):
        AnomalyDetection(**settings).measure(RawCoder(6), one_class(**changes))


@pytest.mark.parametrize("score", list(SCORERS))
def test_codes_that_are_not_finite_are_refused(score: str) -> None:
    with pytest.raises(UserError, match="NaN or infinite"):
        AnomalyDetection(score).measure(Broken(6), one_class())


@pytest.mark.parametrize("key, value", [("score", "likelihood"), ("quantile", 1.0)])
def test_settings_that_do_not_exist_are_refused(key: str, value: object) -> None:
    with pytest.raises(UserError, match=f"evaluation.anomaly_detection.{key}={value}: "):
        AnomalyDetection(**{key: value})  # type: ignore[arg-type]
