"""Evaluations against closed forms, exhaustive small cases and scikit-learn's own figures."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from scipy.stats import t
from sklearn.decomposition import PCA
from sklearn.metrics import average_precision_score
from sklearn.neighbors import KNeighborsClassifier
from tiny_runs import Composer

from aelab.building.build import build_model
from aelab.errors import UserError
from aelab.evaluation.baselines.linear import PCACoder, RawCoder
from aelab.evaluation.baselines.logistic_pca import LogisticPCACoder, curvature
from aelab.evaluation.baselines.probes import Labelled, knn_accuracy, knn_votes, probe_accuracy
from aelab.evaluation.code_health import CodeHealth, effective_rank, saturated, usage
from aelab.evaluation.dimensionality_reduction import DimensionalityReduction
from aelab.evaluation.measures.ranking import nearest, ranked_scores, unit
from aelab.evaluation.protocol import Examples, Part, Score
from aelab.evaluation.retrieval import Retrieval
from aelab.evaluation.summary import flat, rows, table
from aelab.trained.coder import TrainedCoder


def draws(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def clusters(count: int, classes: int = 3, width: int = 6, seed: int = 0) -> Part:
    """Well separated classes in turn."""
    labels = np.arange(count) % classes
    return Part(draws(count, width, seed=seed) * 0.1 + np.eye(classes, width, dtype=np.float32)[labels], labels)


def examples(**changes: object) -> Examples:
    data = Examples(clusters(90), clusters(30, seed=1), clusters(45, seed=2), (6,), "clusters")
    return data._replace(**changes)


# --- rows ---


def test_rows_over_replicas_are_means_with_t_intervals() -> None:
    scores = [[Score("a", 1.0, 0.0, 2.0)], [Score("a", 2.0)], [Score("a", 6.0)]]
    [row] = rows("net", scores)
    half = np.hypot(1.0, t(2).ppf(0.975) * np.std([1, 2, 6], ddof=1) / np.sqrt(3))  # over examples, over replicas
    assert (row["value"], row["replicas"]) == (3.0, 3)
    assert_allclose([row["low"], row["high"]], [3 - half, 3 + half])
    [alone] = rows("pca", scores[:1])
    assert (alone["low"], alone["high"]) == (0.0, 2.0)
    assert flat("x", [row, alone], "net") == {"x/a": 3.0, "x/a_pca": 1.0}
    assert table([row, alone]) == [["", "net", "pca"], ["a", "3.0 (-3.6 to 9.6)", "1.0 (0.0 to 2.0)"]]


# --- probes ---


def test_votes_are_those_of_scikit_learn() -> None:
    known = Labelled(draws(200, 3), np.random.default_rng(1).choice(["a", "b"], 200))
    code = draws(1500, 3, seed=2)
    for k, votes in knn_votes(known, code, [1, 3, 7]).items():  # odd: two classes cannot tie
        assert (votes == KNeighborsClassifier(k).fit(*known).predict(code)).all()


def test_a_tied_vote_goes_to_the_nearest() -> None:
    known = Labelled(np.array([[3.0], [1.0], [2.0], [4.0]]), np.array([0, 1, 0, 1]))
    assert knn_votes(known, np.array([[0.0]]), [2, 4])[2] == [1]
    assert knn_votes(known, np.array([[0.0]]), [4])[4] == [1]


def test_hyperparameters_come_from_val_and_the_test_uses_both_parts() -> None:
    train = Labelled(np.array([[0.0], [0.1], [0.2], [5.1], [5.2], [5.3]]), np.array([0, 1, 1, 0, 0, 0]))
    val = Labelled(np.array([[0.01], [5.0]]), np.array([1, 0]))  # k = 1 gets it wrong, k = 3 right
    test = Labelled(np.array([[0.0], [5.0]]), np.array([1, 0]))
    assert knn_accuracy(train, val, test, [1, 3]).test.all()
    assert not knn_accuracy(train, val, test, [1]).test.all()
    far = Labelled(np.array([[9.0]]), np.array([7]))  # a class that only val knows
    assert knn_accuracy(train, far, Labelled(np.array([[8.0]]), np.array([7])), [1]).test.all()
    assert probe_accuracy(*(Labelled(*clusters(60, seed=s)[:2]) for s in range(3)), [0.1, 10.0]).test.mean() == 1


# --- logistic PCA ---


def test_the_quadratic_lies_above_and_touches() -> None:
    here = torch.linspace(-8, 8, 41, dtype=torch.float64)[:, None]
    there = torch.linspace(-12, 12, 301, dtype=torch.float64)

    def softplus(z: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.softplus(z)

    bound = softplus(here) + here.sigmoid() * (there - here) + curvature(here) / 2 * (there - here) ** 2
    assert (bound >= softplus(there) - 1e-12).all()
    mirrored = softplus(here) - here.sigmoid() * 2 * here + curvature(here) / 2 * (2 * here) ** 2
    assert_allclose(mirrored, softplus(-here), atol=1e-12)  # it touches at -t as well, so no smaller one will do


def test_logistic_pca_never_rises_and_ends_where_the_gradient_is_zero() -> None:
    truth = draws(60, 2) @ draws(2, 8, seed=1) * 2
    x = (np.random.default_rng(2).random(truth.shape) < 1 / (1 + np.exp(-truth))).astype(np.float32)
    coder = LogisticPCACoder(x, 2, ridge=0.5, steps=150)
    assert all(later <= before + 1e-5 for before, later in zip(coder.history, coder.history[1:], strict=False))
    code, directions, offset = (
        torch.tensor(part, dtype=torch.float64, requires_grad=True)
        for part in (coder.encode(x), coder.directions.numpy(), coder.offset.numpy())
    )
    logits = code @ directions.mT + offset
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, torch.tensor(x).double(), reduction="sum")
    loss = loss + 0.25 * sum(part.square().sum() for part in (code, directions, offset))
    loss.backward()
    assert all(part.grad is not None and part.grad.abs().max() < 0.02 for part in (code, directions, offset))
    assert_allclose(loss.item() / len(x), coder.history[-1], rtol=1e-4)


def test_a_logistic_code_is_the_minimum_scipy_finds() -> None:
    x = np.random.default_rng(0).random((40, 7)).astype(np.float32)
    coder = LogisticPCACoder(x, 3, ridge=0.1, steps=60)
    directions, offset = coder.directions.double().numpy(), coder.offset.double().numpy()

    def objective(code: np.ndarray, values: np.ndarray) -> float:
        logits = directions @ code + offset
        return float((np.logaddexp(0, logits) - values * logits).sum() + 0.05 * (code**2).sum())

    for values, code in zip(x[:5], coder.encode(x[:5]), strict=True):
        best = minimize(objective, np.zeros(3), args=(values.astype(float),), method="BFGS")
        assert_allclose(code, best.x, atol=5e-3)
    assert_allclose(coder.reconstruct(x[:5]), coder.decode(coder.encode(x[:5])))


# --- dimensionality reduction ---


def test_pca_rows_agree_with_scikit_learn() -> None:
    data = examples()
    scores = {s.metric: s.value for s in DimensionalityReduction(neighbourhood=5).baselines(data, 2)["pca"]}
    reference = PCA(2).fit(data.train.x)
    again = reference.inverse_transform(reference.transform(data.test.x))
    assert_allclose(scores["error"], np.square(again - data.test.x).sum(1).mean(), rtol=1e-4)
    assert scores["knn_accuracy"] == scores["probe_accuracy"] == 1
    perfect = {s.metric: s.value for s in DimensionalityReduction(neighbourhood=5).measure(RawCoder(6), data)}
    assert perfect["trustworthiness"] == perfect["continuity"] == 1 and perfect["error"] == 0


def test_a_shuffled_code_knows_nothing() -> None:
    data = examples()

    class Shuffled(RawCoder):
        def encode(self, x: np.ndarray) -> np.ndarray:
            return x[np.random.default_rng(3).permutation(len(x))]

    scores = {s.metric: s.value for s in DimensionalityReduction(neighbourhood=5).measure(Shuffled(6), data)}
    assert scores["knn_accuracy"] < 0.6 and scores["trustworthiness"] < 0.7 and scores["continuity"] < 0.7


# --- retrieval ---


def test_rankings_agree_with_scikit_learn() -> None:
    known, queries = unit(draws(50, 4)), unit(draws(9, 4, seed=1))
    labels, wanted = np.arange(50) % 3, np.arange(9) % 3
    found = ranked_scores(known, labels, queries, wanted, [5, 50], seed=0)
    for query in range(9):
        similar = known @ queries[query]
        right = labels == wanted[query]
        assert_allclose(found["map"][query], average_precision_score(right, similar))
        first = np.argsort(-similar)[:5]
        assert found["precision_at_5"][query] == right[first].mean()
        assert_allclose(found["recall_at_5"][query], right[first].sum() / right.sum())
        assert (nearest(known, queries, 5)[query] == first).all()
    assert (found["recall_at_50"] == 1).all()


def test_a_few_queries_at_a_time_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = (draws(30, 3), np.arange(30) % 4, draws(11, 3, seed=1), np.arange(11) % 4, [3], 0)
    whole = ranked_scores(*arguments)
    monkeypatch.setattr("aelab.evaluation.measures.ranking.SCORES", 60)
    for name, values in ranked_scores(*arguments).items():
        assert_allclose(values, whole[name])


def test_equal_distances_are_no_advantage_to_whoever_stands_first() -> None:
    labels = np.repeat([0, 1], 500)  # in order of class, all at the same distance
    found = ranked_scores(np.ones((1000, 1)), labels, np.ones((2, 1)), np.array([0, 1]), [100], seed=0)
    assert_allclose(found["precision_at_100"], 0.5, atol=0.15)
    assert_allclose(found["map"], 0.5, atol=0.1)


def test_bits_of_pca_are_signs_and_hamming_distances_are_exact() -> None:
    data = examples()
    evaluation = Retrieval(k=[4])
    scores = {s.metric: s.value for s in evaluation.baselines(data, 4)["pca"]}
    coder = PCACoder(data.train.x, 4)
    train, test = coder.encode(data.train.x) > 0, coder.encode(data.test.x) > 0
    order = np.random.default_rng(data.seed).permutation(len(train))  # the random order of equal distances
    distances = (train[order][None] != test[:, None]).sum(2).astype(np.float32)
    first = order[np.argsort(2 * distances - 4, axis=1)[:, :4]]  # as inner products of -1 and 1, upside down
    assert data.train.labels is not None and data.test.labels is not None
    assert_allclose(
        scores["hamming_precision_at_4"], (data.train.labels[first] == data.test.labels[:, None]).mean(), atol=1e-6
    )


# --- code health ---


def test_usage_and_ranks_in_closed_form() -> None:
    code = np.zeros((10, 4))
    code[:, 0] = 1  # always the same: dead, if active
    code[3, 1] = 2
    code[:, 2] = np.linspace(-1, 1, 10)
    active, dead = usage(code, 1e-3)
    assert dead.tolist() == [True, False, False, True]
    assert active.sum(0).tolist() == [10, 1, 10, 0]
    assert effective_rank(np.ones(7)) == pytest.approx(7)
    assert effective_rank(np.array([3.0, 0, 0])) == pytest.approx(1)
    assert effective_rank(np.zeros(3)) == 0
    assert effective_rank(np.array([1, 1e-320, -1e-12])) == pytest.approx(1)
    assert saturated(np.array([0.01, 0.5, 0.99, 0.9]), 0, 1, 0.05) == 0.5


def test_jacobian_of_a_linear_encoder_is_its_weight(compose: Composer) -> None:
    config = compose("network=linear", "network.code_size=3")
    coder = TrainedCoder(build_model(config, (1, 8, 8)), "run")
    x = draws(5, 64)
    weight = coder.model.network.encode(torch.eye(64)) - coder.model.network.encode(torch.zeros(1, 64))
    jacobian = coder.jacobian(x)
    assert jacobian.shape == (5, 3, 64)
    for one in jacobian:
        assert_allclose(one, weight.T.detach(), atol=1e-5)
    data = Examples(Part(x, None), Part(x, None), Part(x, None), (64,), "five")
    scores = {s.metric: s.value for s in CodeHealth().measure(coder, data)}
    assert_allclose(scores["jacobian_norm"], np.square(jacobian[0]).sum(), rtol=1e-5)


# --- what they refuse ---


class Constant(RawCoder):
    def encode(self, x: np.ndarray) -> np.ndarray:
        return np.ones((len(x), 2), np.float32)


class Broken(RawCoder):
    def encode(self, x: np.ndarray) -> np.ndarray:
        return np.full((len(x), 2), np.nan, np.float32)


@pytest.mark.parametrize("evaluation", [DimensionalityReduction(neighbourhood=5), Retrieval(k=[10])])
def test_what_cannot_be_answered_is_refused(evaluation: DimensionalityReduction | Retrieval) -> None:
    good, raw = examples(), RawCoder(6)
    with pytest.raises(UserError, match="needs labels"):
        evaluation.measure(raw, good._replace(train=good.train._replace(labels=None)))
    with pytest.raises(UserError, match="all training examples have the label 0"):
        evaluation.measure(raw, good._replace(train=good.train._replace(labels=np.zeros(90, int))))
    with pytest.raises(UserError, match="the same code"):
        evaluation.measure(Constant(6), good)
    with pytest.raises(UserError, match="NaN"):
        evaluation.measure(Broken(6), good)


@pytest.mark.parametrize(
    "evaluation, message",
    [
        (Retrieval(k=[1000]), r"k=\[1000\]: must be 1 to 90"),
        (Retrieval(k=[10], queries=1000), "queries=1000: must be 2 to 45"),
        (DimensionalityReduction(neighbours=[91], neighbourhood=5), r"neighbours=\[91\]: must be 1 to 90"),
        (DimensionalityReduction(neighbourhood=30), "neighbourhood=30: must be below half of the 45"),
        (DimensionalityReduction(neighbourhood=5, labels=91), "labels=91: must be 2 to 90"),
        (DimensionalityReduction(neighbourhood=5, regularization=[0.0]), "must be above 0"),
    ],
)
def test_numbers_beyond_the_data_are_refused(evaluation: DimensionalityReduction | Retrieval, message: str) -> None:
    with pytest.raises(UserError, match=message):
        evaluation.measure(RawCoder(6), examples())
