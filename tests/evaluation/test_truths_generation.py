"""What compares new examples with real ones, against closed forms and small cases counted by hand."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from tiny_runs import compose_tiny

from aelab.building.build import build_model
from aelab.errors import UserError
from aelab.evaluation.baselines.own_features import OwnFeatures
from aelab.evaluation.generation import Generation
from aelab.evaluation.measures.frechet import frechet_distance, frechet_score
from aelab.evaluation.measures.manifold import manifold_scores
from aelab.evaluation.measures.mixture import mixture_draws
from aelab.evaluation.measures.mmd import mmd_score
from aelab.evaluation.measures.two_samples import nearer_than, nearest_distances, told_apart
from aelab.evaluation.protocol import Examples, Part
from aelab.trained.model_coder import ModelCoder


def data_of(x: np.ndarray, shape: tuple[int, ...] = (6,), labels: bool = False) -> Examples:
    parts = [some.astype(np.float32) for some in np.array_split(x, 3)]
    return Examples(*(Part(some, (some[:, 0] > 0).astype(int) if labels else None) for some in parts), shape, "drawn")


def coder(*overrides: str) -> ModelCoder:
    config = compose_tiny(Path("nowhere"), *overrides)
    torch.manual_seed(0)
    model = build_model(config, (6,), torch.randn(90, 6)).eval()
    model.initialize(torch.randn(90, 6))
    return ModelCoder(model, "run")


def test_frechet_distance_of_normals_is_its_closed_form() -> None:
    draw = np.random.default_rng(0)
    a, b = (draw.normal(size=(5, 5)) for _ in range(2))
    first, second = (draw.normal(size=5), a @ a.T), (draw.normal(size=5), b @ b.T)
    root = np.real(sqrtm(first[1] @ second[1]))
    wanted = np.square(first[0] - second[0]).sum() + np.trace(first[1] + second[1] - 2 * root)
    assert frechet_distance(first, second) == pytest.approx(wanted, rel=1e-9)
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-9)
    diagonal = (np.zeros(2), np.diag([4.0, 9.0])), (np.array([1.0, 2.0]), np.diag([1.0, 1.0]))
    assert frechet_distance(*diagonal) == pytest.approx(1 + 4 + 1 + 4)  # |m|^2 + sum (s - s')^2


def test_frechet_score_holds_the_truth_of_large_samples() -> None:
    draw = np.random.default_rng(1)
    held = []
    for seed in range(40):
        found = frechet_score("d", draw.normal(size=(2000, 2)), draw.normal(1, 2, size=(2000, 2)), seed)
        held.append(found.low <= 2 + 2 <= found.high)  # type: ignore[operator]
    assert np.mean(held) > 0.85


@pytest.mark.parametrize("k", [1, 2])
def test_precision_recall_density_and_coverage_are_counted(k: int) -> None:
    """All placings of three real and three new examples on a line of five points, by the definitions, one by one."""
    for real in product(range(5), repeat=3):
        for new in ((0, 1, 4), (2, 2, 3), (0, 0, 0)):
            x, y = (np.array(some, float)[:, None] for some in (real, new))

            def reach(all_of: np.ndarray, i: int) -> float:
                return float(sorted(abs(all_of[j] - all_of[i])[0] for j in range(3) if j != i)[k - 1])

            inside = [[abs(x[i] - y[j])[0] <= reach(x, i) for j in range(3)] for i in range(3)]
            other = [[abs(x[i] - y[j])[0] <= reach(y, j) for j in range(3)] for i in range(3)]
            wanted = {
                "precision": np.mean([any(inside[i][j] for i in range(3)) for j in range(3)]),
                "recall": np.mean([any(other[i]) for i in range(3)]),
                "density": np.sum(inside) / (3 * k),
                "coverage": np.mean([any(inside[i]) for i in range(3)]),
            }
            found = {score.metric: score.value for score in manifold_scores(x, y, k)}
            assert found == pytest.approx(wanted), (real, new)


def test_mmd_of_normals_is_its_closed_form() -> None:
    """One dimension, width w: E k(x, y) = w / sqrt(w^2 + s^2 + t^2) exp(-(m - n)^2 / 2 (w^2 + s^2 + t^2))."""
    width = 1.3

    def mean(m: float, s: float, n: float, t: float) -> float:
        total = width**2 + s**2 + t**2
        return float(width / np.sqrt(total) * np.exp(-((m - n) ** 2) / (2 * total)))

    wanted = mean(0, 1, 0, 1) + mean(1, 1.5, 1, 1.5) - 2 * mean(0, 1, 1, 1.5)
    draw = np.random.default_rng(0)
    scores = [mmd_score("d", draw.normal(size=(300, 1)), draw.normal(1, 1.5, size=(200, 1)), width) for _ in range(150)]
    values = np.array([score.value for score in scores])
    assert values.mean() == pytest.approx(wanted, abs=4 * values.std() / np.sqrt(150))
    assert np.mean([score.low < wanted < score.high for score in scores]) > 0.88  # type: ignore[operator]


def test_copies_are_told() -> None:
    draw = np.random.default_rng(2)
    train, test, fresh = (draw.normal(size=(n, 3)) for n in (300, 100, 100))
    copies = train[:100] + 1e-6
    of_test = nearest_distances(test, train)[0]
    assert nearer_than("m", nearest_distances(copies, train)[0], of_test).value == 1
    honest = nearer_than("m", nearest_distances(fresh, train)[0], of_test)
    assert honest.low < 0.5 < honest.high  # type: ignore[operator]
    distance, index = nearest_distances(copies, train)
    assert (index == np.arange(100)).all() and distance.max() < 1e-5
    a, b = np.array([1.0, 3.0]), np.array([2.0, 3.0])
    assert nearer_than("m", a, b).value == (1 + 1 + 0 + 0.5) / 4


def test_what_differs_is_told_apart_and_what_does_not_is_not() -> None:
    draw = np.random.default_rng(3)
    one, same, other = (draw.normal(m, 1, size=(300, 4)) for m in (0, 0, 2))
    alike = told_apart("t", one, same, 0)
    assert alike.low < 0.55 and told_apart("t", one, other, 0).value > 0.9  # type: ignore[operator]


@pytest.mark.parametrize("labels", [True, False])
def test_own_features_are_of_the_data_and_the_seed_alone(labels: bool) -> None:
    data = data_of(np.random.default_rng(4).normal(size=(300, 64)), (1, 8, 8), labels)
    first, again = (OwnFeatures(data.train, data.shape, 3) for _ in range(2))
    assert first(data.test.x).shape == (100, 64)
    np.testing.assert_array_equal(first(data.test.x), again(data.test.x))
    assert first.accuracy > 0.9


@pytest.mark.parametrize(
    "overrides", [("model=vq_vae", "model.entries=8", "model.size=2"), ("model=fsq", "model.levels=[4,3]")]
)
def test_drawn_codes_are_put_on_codewords(overrides: tuple[str, ...]) -> None:
    one = coder(*overrides)
    code = one.encode(np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32))
    np.testing.assert_allclose(one.snapped(code), code, atol=1e-6)
    drawn = one.snapped(3 * np.random.default_rng(1).normal(size=(200, one.code_size)).astype(np.float32))
    words = {tuple(row) for row in np.round(drawn.reshape(-1, 2), 5).tolist()}
    assert len(words) <= 12
    np.testing.assert_allclose(one.snapped(drawn), drawn, atol=1e-6)


def test_a_mixture_of_wide_codes_has_their_leading_components() -> None:
    draw = np.random.default_rng(5)
    codes = draw.normal(size=(400, 3)) @ draw.normal(size=(3, 100)) + 2
    drawn = mixture_draws(codes, 2000, 0)
    assert drawn.shape == (2000, 100)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(codes.T), atol=2.5)
    sizes = np.linalg.svd(drawn - drawn.mean(0), compute_uv=False)
    assert sizes[3] < 0.01 * sizes[2]


def test_an_untrained_decoder_draws_nothing_real_and_held_out_examples_are_the_ceiling() -> None:
    data = data_of(np.random.default_rng(4).normal(size=(600, 6)) * [3, 2, 1, 1, 0.5, 0.1])
    question = Generation(100)
    scores = {score.metric: score for score in question.measure(coder("model=vae"), data)}
    plain = {score.metric for score in question.measure(coder("model=rae"), data)}
    assert set(scores) == plain | {f"{name}_prior" for name in plain}
    beside = {
        name: {score.metric: score.value for score in found} for name, found in question.baselines(data, 4).items()
    }
    assert set(beside) == {"held_out", "pca", "pixels"}
    assert abs(beside["held_out"]["energy_distance"]) < 0.2 < scores["energy_distance_prior"].value
    assert beside["pca"]["energy_distance"] < scores["energy_distance"].value
    assert beside["held_out"]["coverage"] > 0.8 > scores["coverage"].value
    assert all(score.low is not None for score in scores.values())


@pytest.mark.parametrize(
    "settings, told",
    [({"count": 3}, "generation.count=3"), ({"neighbours": 0}, "neighbours=0"), ({"shown": 1}, "shown=1")],
)
def test_bad_settings_are_told(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told):
        Generation(**settings)


def test_too_few_examples_are_told() -> None:
    data = data_of(np.random.default_rng(4).normal(size=(30, 6)))
    with pytest.raises(UserError, match="10 test and 10 validation examples; more than 10 of each are needed"):
        Generation().measure(coder(), data)
