"""Regression of counts against scikit-learn's figures, a simulation and an independent fit."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import spearmanr
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import mean_squared_log_error

from aelab.errors import UserError
from aelab.evaluation.baselines.linear import RawCoder
from aelab.evaluation.baselines.regression import Counted, boosted, msle_score, ridge, spearman_score
from aelab.evaluation.popularity import Popularity
from aelab.evaluation.protocol import Examples, Part


def part(count: int, seed: int) -> Part:
    """Counts whose expectation is the exponential of one of four values."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(count, 4)).astype(np.float32)
    return Part(x, random.poisson(np.exp(2 + x[:, 0])))


def examples(**changes: object) -> Examples:
    return Examples(part(300, 0), part(80, 1), part(200, 2), (4,), "counts")._replace(**changes)


def counted(part: Part) -> Counted:
    assert part.labels is not None
    return Counted(part.x, np.log1p(part.labels))


def test_scores_are_those_of_scikit_learn_and_scipy() -> None:
    random = np.random.default_rng(0)
    y, predicted = random.poisson(3, 50), random.poisson(3, 50) / 2
    score = msle_score("msle", np.log1p(predicted), np.log1p(y))
    assert score.value == pytest.approx(mean_squared_log_error(y, predicted))
    ordered = spearman_score("spearman", np.log1p(predicted), np.log1p(y))
    assert ordered.value == pytest.approx(spearmanr(predicted, y).statistic)
    assert spearman_score("spearman", np.ones(5), np.arange(5.0))[:4] == ("spearman", 0.0, None, None)
    assert spearman_score("spearman", np.arange(3.0), np.arange(3.0)).low is None


def test_the_interval_of_a_rank_correlation_covers_the_truth() -> None:
    random = np.random.default_rng(1)
    rho = 0.7
    truth = 6 / np.pi * np.arcsin(rho / 2)  # Spearman's of a bivariate normal with correlation rho
    covered = 0
    for _ in range(2000):
        a = random.normal(size=60)
        b = rho * a + np.sqrt(1 - rho**2) * random.normal(size=60)
        score = spearman_score("", a, b)
        assert score.low is not None and score.high is not None
        covered += score.low <= truth <= score.high
    assert 0.935 < covered / 2000 < 0.965


def test_ridge_is_its_closed_form_and_chooses_on_val() -> None:
    train, val, test = (counted(part(n, seed)) for n, seed in ((60, 0), (20, 1), (30, 2)))
    both = train.joined(val)
    mean, std = both.code.mean(0, dtype=np.float64), both.code.std(0, dtype=np.float64)
    x = (both.code - mean) / std
    weights = np.linalg.solve(x.T @ x + 5 * np.eye(4), x.T @ (both.z - both.z.mean()))
    wanted = (test.code - mean) / std @ weights + both.z.mean()
    assert_allclose(ridge(train, val, test.code, [5.0]), np.maximum(wanted, 0), rtol=1e-9)
    worst = ridge(train, val._replace(z=np.full(20, train.z.mean())), test.code, [0.1, 1e9])
    assert np.ptp(worst) < 1e-5, "a val part that knows no code chooses the largest penalty"
    best = ridge(train, val, test.code, [1e9, 0.1])
    assert_allclose(best, ridge(train, val, test.code, [0.1]))


def test_boosting_chooses_leaves_and_trees_on_val() -> None:
    train, val, test = (counted(part(n, seed)) for n, seed in ((200, 0), (60, 1), (50, 2)))
    tried = {}
    for leaves in (2, 8):
        for trees in range(1, 16):
            fitted = HistGradientBoostingRegressor(max_leaf_nodes=leaves, max_iter=trees, early_stopping=False)
            fitted.fit(train.code, train.z)
            tried[leaves, trees] = np.square(np.maximum(fitted.predict(val.code), 0) - val.z).mean()
    leaves, trees = min(tried, key=lambda both: tried[both])
    wanted = HistGradientBoostingRegressor(max_leaf_nodes=leaves, max_iter=trees, early_stopping=False)
    both = train.joined(val)
    expected = np.maximum(wanted.fit(both.code, both.z).predict(test.code), 0)
    assert_allclose(boosted(train, val, test.code, [8, 2], 15, 0), expected)


def test_what_the_code_knows_is_found_and_the_mean_knows_nothing() -> None:
    data = examples()
    scores = {score.metric: score for score in Popularity(rounds=50).measure(RawCoder(4), data)}
    beside = Popularity(rounds=50).baselines(data, 2)
    assert scores["ridge_spearman"].value > 0.85 and scores["boosting_spearman"].value > 0.8
    [constant, _] = beside["mean"]
    assert constant.value > 3 * scores["ridge_msle"].value
    assert [s.metric for s in beside["pca"]] == [s.metric for s in beside["raw"]] == list(scores)
    assert Popularity().facts(data) == {"labels": 380} and Popularity(labels=50).facts(data) == {"labels": 130}


def test_test_labels_choose_nothing() -> None:
    data = examples()
    hidden = data._replace(test=data.test._replace(labels=data.test.labels[::-1].copy()))  # type: ignore[index]
    picture, other = (Popularity(rounds=30)._parts(RawCoder(4), one) for one in (data, hidden))
    for a, b in zip(picture[:2], other[:2], strict=True):
        assert_allclose(a.z, b.z)
    predictions = [boosted(train, val, test.code, [2, 8], 30, 0) for train, val, test in (picture, other)]
    assert_allclose(*predictions)


@pytest.mark.parametrize(
    "labels, message",
    [
        (None, "needs labels and there are none"),
        (np.array(["few", "many"] * 150), "labels are text, like 'few'; counts are needed"),
        (np.arange(300) - 5.0, "labels from -5; counts are finite and 0 or more"),
        (np.full(300, 4), "all training examples have the label 4; two are needed"),
    ],
)
def test_labels_that_are_no_counts_are_refused(labels: np.ndarray | None, message: str) -> None:
    data = examples()
    with pytest.raises(UserError, match=f"data=counts: .*{message}"):
        Popularity().measure(RawCoder(4), data._replace(train=data.train._replace(labels=labels)))


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"labels": 301}, r"labels=301: must be 2 to 300"),
        ({"penalties": [-1.0]}, r"penalties=\[-1.0\]: must be 0 or more"),
        ({"leaves": [1]}, r"leaves=\[1\], rounds=200: at least 2 leaves"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=f"evaluation.popularity.{message}"):
        Popularity(**settings).measure(RawCoder(4), examples())  # type: ignore[arg-type]
