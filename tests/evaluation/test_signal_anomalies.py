"""Scores of points in time: against brute force, scikit-learn and figures by hand, in double precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score, precision_score, recall_score, roc_auc_score

from aelab.errors import UserError
from aelab.evaluation.baselines.signals import change, matrix_profile, window_distance
from aelab.evaluation.measures.events import Found, adjusted, runs_of, units_of
from aelab.evaluation.measures.in_time import _pseudo, _ranked, scores_in_time
from aelab.evaluation.measures.timeline import Stretch, Timeline, cut, starts
from aelab.evaluation.protocol import Examples, Part
from aelab.evaluation.signal_anomalies import SignalAnomalies, point_errors

OFFSETS = np.array([0, 60, 100])


def drawn(seed: int = 0, points: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """Scores with ties, and flags of three events in two stretches, the last of which ends with one."""
    draw = np.random.default_rng(seed)
    anomalous = np.zeros(points, dtype=bool)
    for first, behind in ((10, 15), (40, 41), (95, 100)):
        anomalous[first:behind] = True
    return np.round(draw.normal(anomalous * 1.0, 1), 1), anomalous


def timeline_of(lengths: tuple[int, ...], window: int, stride: int, channels: int, flags: Any = None) -> Timeline:
    offsets = np.cumsum([0, *lengths])
    start = np.concatenate([o + starts(n, window, stride) for o, n in zip(offsets, lengths, strict=False)])
    stretches = tuple(
        Stretch(str(i), 0, n, None if flags is None else flags[offsets[i] : offsets[i] + n])
        for i, n in enumerate(lengths)
    )
    return Timeline(stretches, start, window, tuple(map(str, range(channels))))


class Shifted:
    """A coder whose error is known: it adds what it is given."""

    code_size = 1

    def __init__(self, apart: np.ndarray) -> None:
        self.apart = apart

    def encode(self, x: np.ndarray) -> np.ndarray:
        return x[:, :1]

    def decode(self, code: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def reconstruct(self, x: np.ndarray) -> np.ndarray:
        return x + self.apart


def test_the_score_of_a_point_is_the_mean_error_over_the_windows_that_cover_it() -> None:
    draw = np.random.default_rng(0)
    timeline = timeline_of((11, 9), 4, 3, 2)
    x = draw.normal(size=(len(timeline.start), 8))
    apart = draw.normal(size=x.shape)
    errors = np.square(apart).reshape(-1, 2, 4)
    for point, found in enumerate(point_errors(Shifted(apart), x, timeline)):
        own = [errors[i, :, point - s].sum() for i, s in enumerate(timeline.start) if 0 <= point - s < 4]
        assert found == pytest.approx(np.mean(own), rel=1e-12)


def test_figures_of_points_are_those_of_scikit_learn() -> None:
    scores, anomalous = drawn()
    found = {score.metric: score for score in scores_in_time(scores, 0.8, anomalous, OFFSETS, 10, 0)}
    flags = scores > 0.8
    assert found["auroc"].value == pytest.approx(roc_auc_score(anomalous, scores), rel=1e-12)
    assert found["average_precision"].value == pytest.approx(average_precision_score(anomalous, scores), rel=1e-12)
    assert found["precision"].value == pytest.approx(precision_score(anomalous, flags), rel=1e-12)
    assert found["recall"].value == pytest.approx(recall_score(anomalous, flags), rel=1e-12)
    assert found["f1"].value == pytest.approx(f1_score(anomalous, flags), rel=1e-12)
    assert found["threshold"].value == 0.8


def test_units_that_count_several_times_are_points_that_do() -> None:
    """Any weights of events and blocks give what scikit-learn gives with weighted points."""
    scores, anomalous = drawn(1)
    units = units_of(anomalous, OFFSETS, 10)
    weights = np.random.default_rng(0).integers(0, 4, (20, units.total)).astype(float)
    weights[:, 0] = 1
    ranked = _ranked(scores, anomalous, units)(weights)
    shares = Found.of(scores > 0.5, anomalous, OFFSETS, units).shares(weights, units.events)
    for row, each in enumerate(weights):
        own = each[units.of_point]
        assert ranked["auroc"][row] == pytest.approx(roc_auc_score(anomalous, scores, sample_weight=own))
        assert ranked["average_precision"][row] == pytest.approx(
            average_precision_score(anomalous, scores, sample_weight=own)
        )
        assert shares["f1"][row] == pytest.approx(f1_score(anomalous, scores > 0.5, sample_weight=own))


def test_events_by_hand() -> None:
    """Ten points, two events; three runs of flagged points, of which one touches an event."""
    anomalous = np.array([0, 1, 1, 1, 0, 0, 0, 1, 1, 0], dtype=bool)
    flags = np.array([1, 0, 0, 1, 1, 0, 1, 0, 0, 1], dtype=bool)
    offsets = np.array([0, 10])
    assert runs_of(flags, offsets).tolist() == [[0, 1], [3, 5], [6, 7], [9, 10]]
    assert adjusted(flags, runs_of(anomalous, offsets)).tolist() == [1, 1, 1, 1, 1, 0, 1, 0, 0, 1]
    units = units_of(anomalous, offsets, 100)
    found = Found.of(flags, anomalous, offsets, units).shares(np.ones((1, units.total)), units.events)
    expected = {
        "precision": 1 / 5, "recall": 1 / 5, "f1": 1 / 5, "event_precision": 1 / 4, "event_recall": 1 / 2,
        "adjusted_f1": 2 * 3 / (2 * 3 + 4 + 2),
    }  # fmt: skip
    assert {name: float(value[0]) for name, value in found.items()} == pytest.approx(expected)


def test_no_run_crosses_from_one_stretch_to_the_next() -> None:
    flags = np.ones(10, dtype=bool)
    assert runs_of(flags, np.array([0, 4, 10])).tolist() == [[0, 4], [4, 10]]
    assert runs_of(~flags, np.array([0, 4, 10])).shape == (0, 2)


def test_units_are_events_and_blocks_that_follow_each_other() -> None:
    _, anomalous = drawn()
    units = units_of(anomalous, OFFSETS, 10)
    assert units.events == 3
    for unit in range(units.total):
        there = np.flatnonzero(units.of_point == unit)
        assert (np.diff(there) == 1).all() and len(set(anomalous[there])) == 1
        assert unit < 3 or 5 <= len(there) <= 15
        assert (there < 60).all() or (there >= 60).all()


def test_pseudo_values_are_those_of_leaving_units_out() -> None:
    scores, anomalous = drawn(2)
    units = units_of(anomalous, OFFSETS, 10)
    ranked = _ranked(scores, anomalous, units)
    value = float(ranked(np.ones((1, units.total)))["auroc"][0])
    of_events, of_blocks = _pseudo(ranked, units, {"auroc": value, "average_precision": 0.0})["auroc"]
    for unit in range(units.total):
        kept = units.of_point != unit
        without = roc_auc_score(anomalous[kept], scores[kept])
        n = units.events if unit < units.events else units.blocks
        own = of_events[unit] if unit < units.events else of_blocks[unit - units.events]
        assert own == pytest.approx(n * value - (n - 1) * without, rel=1e-9)


def test_one_event_has_no_interval() -> None:
    scores, anomalous = drawn()
    anomalous[20:] = False
    for score in scores_in_time(scores, 0.8, anomalous, OFFSETS, 10, 0):
        assert score.low is None and score.parts == ()


@pytest.mark.slow
def test_intervals_cover_the_area_of_dependent_scores() -> None:
    """Scores that wander (AR(1) over some 15 points), ten events of 20 points: points as an independent sample would be
    covered half of the time."""
    draw = np.random.default_rng(0)

    def one() -> tuple[np.ndarray, np.ndarray]:
        noise = draw.normal(size=2300)
        for t in range(1, len(noise)):
            noise[t] = 0.9 * noise[t - 1] + np.sqrt(1 - 0.81) * noise[t]
        anomalous = np.zeros(2000, dtype=bool)
        anomalous[100:2000:190] = True
        anomalous = np.convolve(anomalous, np.ones(20))[:2000] > 0
        return noise[300:] + anomalous, anomalous

    truth = np.mean([roc_auc_score(y, s) for s, y in (one() for _ in range(400))])
    covered = []
    for seed in range(200):
        scores, anomalous = one()
        area = scores_in_time(scores, 1.0, anomalous, np.array([0, 2000]), 40, seed)[0]
        assert area.low is not None and area.high is not None
        covered.append(area.low <= truth <= area.high)
    assert 0.9 <= np.mean(covered) <= 0.995


def test_matrix_profile_is_the_distance_to_the_nearest_window_of_the_training_time() -> None:
    draw = np.random.default_rng(0)
    known = timeline_of((20, 15), 5, 5, 2)
    own = timeline_of((12, 9), 5, 2, 2)
    train = draw.normal(size=(35, 2))
    test = draw.normal(size=(21, 2))
    expected = np.zeros(21)

    def normed(windows: np.ndarray) -> np.ndarray:
        return (windows - windows.mean(-1, keepdims=True)) / windows.std(-1, keepdims=True)

    searched = np.concatenate([normed(cut(train[:20], 5, 1)), normed(cut(train[20:], 5, 1))])
    for first, behind in ((0, 12), (12, 21)):
        windows = normed(cut(test[first:behind], 5, 1))
        distances = np.linalg.norm(windows[:, None] - searched[None], axis=-1).min(1).sum(-1)
        for point in range(first, behind):
            covering = [d for i, d in enumerate(distances) if 0 <= point - first - i < 5]
            expected[point] = np.mean(covering)
    np.testing.assert_allclose(matrix_profile(train, known, test, own), expected, rtol=1e-8)


def test_change_and_distance_of_windows() -> None:
    own = timeline_of((3, 2), 2, 1, 1)
    assert change(np.array([[0.0], [2.0], [1.0], [5.0], [5.5]]), own).tolist() == [2, 2, 1, 0.5, 0.5]
    draw = np.random.default_rng(0)
    train = draw.normal(size=(50, 2))
    x = draw.normal(size=(3, 2))
    precision = np.linalg.inv(np.cov(train.T))
    distances = [(row - train.mean(0)) @ precision @ (row - train.mean(0)) for row in x]
    expected = [distances[0], np.mean(distances[:2]), distances[1], distances[2], distances[2]]
    np.testing.assert_allclose(window_distance(train, x, own), expected, rtol=1e-9)


def examples(flags: np.ndarray) -> Examples:
    """Windows of 8 points of noise; anomalous points are large."""
    draw = np.random.default_rng(0)
    parts = {}
    lines = {}
    for part, count in (("train", 400), ("val", 100), ("test", len(flags))):
        values = draw.normal(size=(count, 1))
        if part == "test":
            values[flags] *= 4
        lines[part] = timeline_of((count,), 8, 1, 1, flags if part == "test" else np.zeros(count, dtype=bool))
        parts[part] = Part(cut(values, 8, 1).reshape(-1, 8).astype(np.float32), None)
    return Examples(parts["train"], parts["val"], parts["test"], (1, 8), "windows", timelines=lines)


def test_a_random_score_wins_after_point_adjustment_and_it_is_said() -> None:
    flags = np.zeros(2000, dtype=bool)
    for first in range(100, 2000, 400):
        flags[first : first + 200] = True
    data = examples(flags)
    question = SignalAnomalies(matrix_profile=False, quantile=0.98)
    beside = {
        name: {s.metric: s.value for s in scores} for name, scores in question.baselines(data, code_size=2).items()
    }
    assert list(beside) == ["pca", "mahalanobis", "change", "random"]
    assert beside["random"]["adjusted_f1"] > 0.9 and beside["random"]["f1"] < 0.1
    assert beside["mahalanobis"]["auroc"] > 0.95 and abs(beside["random"]["auroc"] - 0.5) < 0.1
    facts = question.facts(data)
    assert facts["tested"] == {"points": 2000, "anomalous": 1000, "events": 5}
    adjusted_by_chance, by_chance = (float(word) for word in facts["adjusted_f1"].split() if word[:2] == "0.")
    assert adjusted_by_chance > 0.9 and by_chance < 0.1


def test_the_threshold_looks_at_scores_of_validation_alone() -> None:
    flags = np.zeros(300, dtype=bool)
    flags[50:80] = True
    data = examples(flags)
    question = SignalAnomalies(matrix_profile=False, quantile=0.9)
    coder = Shifted(np.float32(0.5) * data.val.x)

    class Half(Shifted):
        def reconstruct(self, x: np.ndarray) -> np.ndarray:
            return np.float32(0.5) * x

    val = point_errors(Half(coder.apart), data.val.x, data.timelines["val"])
    found = {s.metric: s.value for s in question.measure(Half(coder.apart), data)}
    assert found["threshold"] == pytest.approx(np.quantile(val, 0.9))
    assert question.statistics(Half(coder.apart), data)["threshold"] == pytest.approx([found["threshold"]])
    sheets = question.pictures(Half(coder.apart), data)
    assert set(sheets) == {"signal", "event_1"} and all(sheet.shape[-1] == 4 for sheet in sheets.values())


def test_what_cannot_be_asked_is_refused() -> None:
    question = SignalAnomalies(matrix_profile=False)
    whole = Part(np.zeros((4, 8), np.float32), None)
    with pytest.raises(UserError, match="needs windows of signals"):
        question.baselines(Examples(whole, whole, whole, (8,), "digits"), 2)
    for flags, message in (
        (np.zeros(100, dtype=bool), "the test part has no anomalous point"),
        (np.ones(100, dtype=bool), "the test part has nothing but anomalous points"),
    ):
        with pytest.raises(UserError, match=message):
            question.facts(examples(flags))
    with pytest.raises(UserError, match=r"name a column of 0 and 1 with data.label"):
        question.check_time("windows", timeline_of((20,), 4, 1, 1))
    with pytest.raises(UserError, match=r"quantile=1.5: must be between 0 and 1"):
        SignalAnomalies(quantile=1.5)
    with pytest.raises(UserError, match=r"block=0: must be at least 1 point"):
        SignalAnomalies(block=0)
