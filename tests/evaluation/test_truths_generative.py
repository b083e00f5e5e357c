"""The linear VAE's closed forms, quantised principal components, and the distance of new examples from real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_runs import compose_tiny

from aelab.building.build import build_model
from aelab.errors import UserError
from aelab.evaluation.baselines.linear import PCACoder
from aelab.evaluation.baselines.quantised_pca import QuantisedPCA
from aelab.evaluation.codewords import Codewords
from aelab.evaluation.collapse import Collapse, linear_vae
from aelab.evaluation.measures.energy_distance import energy_distance
from aelab.evaluation.protocol import Examples, Part
from aelab.trained.model_coder import ModelCoder


def data_of(x: np.ndarray, shape: tuple[int, ...] = (6,)) -> Examples:
    return Examples(*(Part(some.astype(np.float32), None) for some in np.array_split(x, 3)), shape, "drawn")


def coder(*overrides: str) -> ModelCoder:
    config = compose_tiny(Path("nowhere"), *overrides)
    return ModelCoder(build_model(config, (6,), torch.randn(90, 6)).eval(), "run")


# --- the linear VAE ---


def test_it_is_the_rate_distortion_function_of_a_gaussian() -> None:
    """The golden numbers of test_truths_vae: one of four units, of variance .6, is below the noise of 1."""
    found = linear_vae(np.array([5.0, 3.0, 1.5, 0.6, 0.3, 0.1]), 4, 1.0)
    wanted = {"rate": 1.5567577, "error_sampled": 4.0, "error": 2.2, "variance_code": 1.8, "active_units": 3}
    assert found == pytest.approx(wanted, abs=1e-7)
    gone = linear_vae(np.array([5.0, 3.0]), 2, 6.0)
    assert gone == {"rate": 0, "error_sampled": 8, "error": 8, "variance_code": 0, "active_units": 0}


def test_it_is_of_the_runs_own_weight() -> None:
    x = np.random.default_rng(0).normal(size=(90, 6)) * [3, 2, 1, 1, 0.5, 0.1]
    data = data_of(x)
    scores = {score.metric: score.value for score in Collapse().measure(coder("model=vae", "model.weight=2"), data)}
    variances = np.sort(np.linalg.eigvalsh(np.cov(data.train.x.T, bias=True)))[::-1]
    wanted = {f"linear_{name}": value for name, value in linear_vae(variances, 4, 1.0).items()}
    assert {name: value for name, value in scores.items() if name in wanted} == pytest.approx(wanted, rel=1e-5)
    assert scores["rate"] > 0 and scores["error"] > 0
    for overrides in (("model=vae", "model.optimal_variance=true"), ("model=vae", "model.weight=0"), ()):
        with pytest.raises(UserError, match="closed forms are those of a VAE"):
            Collapse().measure(coder(*overrides), data)


# --- quantised principal components ---


def test_as_many_centres_as_there_are_codes_lose_nothing_but_the_components() -> None:
    x = np.random.default_rng(1).normal(size=(40, 6))
    whole = QuantisedPCA(x, words=2, entries=40, values=2, dealt=True, seed=0)
    np.testing.assert_allclose(whole.reconstruct(x), PCACoder(x, 4).reconstruct(x), atol=1e-8)
    one = QuantisedPCA(x, words=1, entries=1, values=6, dealt=False, seed=0)
    np.testing.assert_allclose(one.reconstruct(x), np.broadcast_to(x.mean(0), x.shape), atol=1e-8)


def test_groups_are_what_is_best_on_validation_and_more_bits_are_better() -> None:
    draw = np.random.default_rng(2)
    x, val = (draw.normal(size=(n, 6)) * [4, 2, 1, 0.5, 0.2, 0.1] for n in (600, 200))
    errors = []
    for entries in (2, 4, 16):
        best = QuantisedPCA.best(x, val, 2, entries, (1, 2, 3, 4), 0)
        every = [QuantisedPCA(x, 2, entries, n, dealt, 0) for n in (1, 2, 3) for dealt in (False, True)]
        errors.append(np.square(best.reconstruct(val) - val).sum())
        assert errors[-1] == pytest.approx(min(np.square(one.reconstruct(val) - val).sum() for one in every))
    assert errors[0] > errors[1] > errors[2]


@pytest.mark.parametrize(
    "overrides",
    [("model=vq_vae", "model.entries=8", "model.size=2", "model.stages=3"), ("model=fsq", "model.levels=[4,2]")],
)
def test_bits_are_codewords_times_their_logarithm(overrides: tuple[str, ...]) -> None:
    scores = {
        s.metric: s.value
        for s in Codewords([1]).measure(coder(*overrides), data_of(np.random.default_rng(3).normal(size=(90, 6))))
    }
    assert scores["bits"] == pytest.approx(3 * (6 if "model=vq_vae" in overrides else 2))
    assert 0 < scores["entropy_bits"] <= scores["bits"] and scores["error"] > 0


# --- new examples ---


def test_the_energy_distance_of_shifted_normals_is_its_closed_form() -> None:
    """In one dimension: twice the integral of the squared difference of the distribution functions."""
    from scipy.integrate import quad
    from scipy.stats import norm

    wanted = 2 * quad(lambda t: (norm.cdf(t) - norm.cdf(t, 1, 1.5)) ** 2, -12, 14)[0]
    draw = np.random.default_rng(0)
    scores = [energy_distance("d", draw.normal(size=(400, 1)), draw.normal(1, 1.5, size=(300, 1))) for _ in range(200)]
    values = np.array([score.value for score in scores])
    assert values.mean() == pytest.approx(wanted, abs=4 * values.std() / np.sqrt(200))
    held = np.mean([score.low < wanted < score.high for score in scores])  # type: ignore[operator]
    assert 0.9 < held <= 1 and all(len(score.parts) == 2 for score in scores)
