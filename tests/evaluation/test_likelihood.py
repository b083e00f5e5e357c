"""log p(x): exact where the posterior is, closed forms on digits to 8 digits, and what has none says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from run_files import directory_of
from scipy.stats import multivariate_normal
from sklearn.datasets import load_digits
from tiny_runs import compose_tiny

import aelab
from aelab.building.build import build_model
from aelab.errors import UserError
from aelab.evaluation.likelihood import Likelihood, probabilistic_pca
from aelab.evaluation.protocol import Examples, Part
from aelab.fitting.preparation import prepare
from aelab.fitting.run import run
from aelab.models.base.metrics import ReconstructionMetrics
from aelab.models.variational.importance import log_weights
from aelab.trained.model_coder import ModelCoder


def optimum(x: torch.Tensor, units: int, weight: float) -> Any:
    """The linear VAE that is best for examples ``[N, D]``: probabilistic PCA with noise of variance weight / 2."""
    config = compose_tiny(
        Path("nowhere"), "model=vae", "network=linear", "network.hidden=[]", f"network.code_size={units}",
        f"model.weight={weight}",
    )  # fmt: skip
    model = build_model(config, (x.shape[1],), x.float()).double().eval()
    mean = x.mean(0)
    values, vectors = torch.linalg.eigh((x - mean).mT @ (x - mean) / len(x))
    values, directions = values.flip(0)[:units], vectors.mT.flip(0)[:units]
    noise = weight / 2
    gain = (values - noise).clamp(min=0).sqrt()
    shrunk = gain / values.clamp(min=noise)
    with torch.no_grad():
        encoder, decoder = model.network.encoder_layers[0], model.network.decoder_layers[0]
        encoder.weight.copy_(shrunk[:, None] * directions)
        encoder.bias.copy_(-shrunk * (directions @ mean))
        decoder.weight.copy_((gain[:, None] * directions).mT)
        decoder.bias.copy_(mean)
        model.log_variance.weight.zero_()
        model.log_variance.bias.copy_((noise / values.clamp(min=noise)).log())
    return model


def digits() -> torch.Tensor:
    return torch.from_numpy(load_digits().data / 16)


@pytest.mark.parametrize(
    "weight, units, active, rate, of_mean",
    [
        (0.02, 8, 8, 14.19297612, 1.53305918),
        (0.1, 16, 16, 10.46149991, 0.98451075),
        (0.5, 16, 5, 1.65016794, 2.82438135),
        (2.0, 16, 0, 0.0, 4.69327632),
    ],
)
def test_a_linear_vae_of_digits_to_eight_digits(
    weight: float, units: int, active: int, rate: float, of_mean: float
) -> None:
    """Units whose variance is below the noise collapse (Lucas et al. 2019): 11 of 16 at weight 0.5."""
    x = digits()
    model = optimum(x, units, weight)
    metrics = ReconstructionMetrics()
    for part in x.split(500):
        metrics.update(part, model.evaluate(part))
    found = metrics.compute(lambda value: value)
    assert found["active_units"] == active
    assert found["rate"].item() == pytest.approx(rate, abs=1e-8)
    assert found["error"].item() == pytest.approx(of_mean, abs=1e-8)
    covariance = probabilistic_pca(np.cov(x.T.numpy(), bias=True), units)
    assert covariance is not None


def test_the_true_posterior_gives_the_evidence_from_every_draw() -> None:
    x = digits()[:, 20:40]
    model = optimum(x, 4, 0.1)
    w = model.network.decoder_layers[0].weight.detach()
    marginal = multivariate_normal(x.mean(0), (w @ w.mT).numpy() + 0.05 * np.eye(20))
    found = log_weights(model, x[:30], 7)
    np.testing.assert_allclose(found, marginal.logpdf(x[:30])[:, None].repeat(7, 1), rtol=1e-9)
    again = log_weights(model, x[:30], 7, seed=0)
    assert torch.equal(found, again)


def test_more_samples_bound_it_closer_and_the_parts_add_up() -> None:
    x = digits().float()
    model = optimum(digits(), 8, 0.1).float()
    with torch.no_grad():
        model.log_variance.bias += 0.5  # a worse posterior
    part = Part(x.numpy(), None)
    data = Examples(part, part, part, (1, 8, 8), "digits")
    scores = {score.metric: score for score in Likelihood([1, 10, 200], 60).measure(ModelCoder(model, "run"), data)}
    nll = [scores[f"nll_{count}"].value for count in (1, 10, 200)]
    assert nll[0] > nll[1] > nll[2]
    assert scores["rate"].value + scores["distortion"].value == pytest.approx(nll[0], rel=1e-6)
    assert scores["nll_1"].low < nll[0] < scores["nll_1"].high  # type: ignore[operator]
    beside = Likelihood([1], 60).baselines(data, 8)["pca"][0].value
    assert beside < nll[2] + 1 and np.isfinite(beside)
    binary = Part((x > 0.5).float().numpy(), None)
    [alone] = Likelihood([1], 60).baselines(Examples(binary, binary, binary, (1, 8, 8), "digits"), 8)["independent"]
    assert 0 < alone.value < 64 * np.log(2)


def test_probabilistic_pca_is_its_maximum_likelihood() -> None:
    values = np.array([5.0, 3.0, 1.0, 0.6, 0.2])
    found = probabilistic_pca(np.diag(values), 2)
    assert found is not None
    np.testing.assert_allclose(np.sort(np.linalg.eigvalsh(found))[::-1], [5, 3, 0.6, 0.6, 0.6])
    full = probabilistic_pca(np.diag(values), 5)
    assert full is not None and np.allclose(full, np.diag(values)), "four directions, and the last variance is noise"
    assert probabilistic_pca(np.zeros((3, 3)), 1) is None


def test_a_run_samples_and_says_how_likely_examples_are(tmp_path: Path) -> None:
    config = compose_tiny(tmp_path, "model=vae", "model.weight=0.1", "trainer.max_epochs=1", "evaluation=likelihood",
                          "evaluation.likelihood.samples=[1,5]", "evaluation.likelihood.examples=10")  # fmt: skip
    run(config, [])
    trained = aelab.load_run(directory_of(config))
    assert {"likelihood/nll_1", "likelihood/nll_5", "likelihood/nll_5_pca", "likelihood/rate"} <= set(
        trained.manifest["metrics"]
    )
    x = digits().float().numpy()[:50]
    few, many = (trained.log_likelihood(x, samples) for samples in (1, 200))
    assert few.shape == (50,) and many.mean() > few.mean()
    drawn = trained.sample(6)
    assert drawn.shape == (6, 1, 8, 8) and np.array_equal(drawn, trained.sample(6))
    mixed = trained.sample(6, codes=trained.encode(x))
    assert mixed.shape == (6, 1, 8, 8) and not np.array_equal(mixed, drawn)
    with pytest.raises(UserError, match="use model=vq_vae or model=fsq"):
        trained.indices(x)
    with pytest.raises(UserError, match="a mixture is fitted to 10 or more of 4 values"):
        trained.sample(6, codes=trained.encode(x[:3]))


@pytest.mark.parametrize(
    "overrides", [("model=undercomplete",), ("model=vae", "error=l1"), ("model=vae", "model.weight=0")]
)
def test_what_has_no_likelihood_is_refused_before_training(overrides: tuple[str, ...], tmp_path: Path) -> None:
    config = compose_tiny(tmp_path, *overrides, "evaluation=likelihood")
    with pytest.raises(UserError, match=r"evaluation=likelihood model=.* asks for log p") as caught:
        prepare(config, directory_of(config), [])
    assert "\n" not in str(caught.value)


def test_the_elbo_is_told_where_there_is_one() -> None:
    x = digits()[:40]
    for overrides, told in (
        ((), True),
        (("error=l1",), False),
        (("error=cross_entropy",), False),
        (("error=bernoulli",), True),
    ):
        model = build_model(compose_tiny(Path("nowhere"), "model=vae", *overrides), (64,), x.float()).double().eval()
        assert ("elbo" in model.evaluate(x).penalties) == told, overrides
