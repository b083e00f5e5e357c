"""Errors that are likelihoods, against SciPy's, and how they split into noise, bias and variance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from tiny_runs import compose_tiny
from torch import Tensor
from torch.testing import assert_close

from aelab.building.build import build_data, build_model
from aelab.errors import UserError
from aelab.objectives import AbsoluteError, Bernoulli, DiscretizedLogistic, Gaussian, NegativeBinomial, Poisson
from aelab.objectives.likelihood import nats
from aelab.objectives.likelihoods import LARGEST_LOG
from aelab.replicas import decompose

OUTPUT = torch.randn(7, 5, generator=torch.Generator().manual_seed(0)).double()


def test_each_is_minus_the_log_likelihood_of_scipy() -> None:
    binary = (OUTPUT.flip(0) > 0).double()
    counts = torch.poisson(torch.full((7, 5), 3.0), generator=torch.Generator().manual_seed(0)).double()
    mean = OUTPUT.exp()
    gaussian = Gaussian(each=True).sized((5,)).double()
    with torch.no_grad():
        gaussian.log_variance.copy_(torch.linspace(-1, 1, 5))
    known: list[tuple[Any, Tensor, np.ndarray]] = [
        (Bernoulli(), binary, stats.bernoulli.logpmf(binary, OUTPUT.sigmoid())),
        (Poisson(), counts, stats.poisson.logpmf(counts, mean)),
        (NegativeBinomial(2.5), counts, stats.nbinom.logpmf(counts, 2.5, 2.5 / (2.5 + mean))),
        (gaussian, counts, stats.norm.logpdf(counts, OUTPUT, (0.5 * gaussian.log_variance.detach()).exp())),
        (AbsoluteError(), counts, -(OUTPUT - counts).abs().numpy()),
    ]
    for error, target, log_likelihood in known:
        assert_close(error(OUTPUT, target), torch.from_numpy(-log_likelihood.sum(-1)), rtol=1e-10, atol=1e-10)
        assert_close(
            error.values(OUTPUT, target), torch.from_numpy(-np.asarray(log_likelihood)), rtol=1e-10, atol=1e-10
        )
    assert_close(Poisson().reconstruction(OUTPUT), mean)
    huge = torch.full((1, 1), 1e4)
    assert Poisson().reconstruction(huge).isfinite().all() and LARGEST_LOG > 25


def test_the_negative_binomial_is_poissons_for_a_large_dispersion() -> None:
    counts = torch.arange(5.0).double().expand(7, 5)
    assert_close(NegativeBinomial(1e9)(OUTPUT, counts), Poisson()(OUTPUT, counts), rtol=1e-5, atol=1e-5)


def test_the_learned_variance_is_the_mean_squared_error_at_its_optimum() -> None:
    target = torch.randn(7, 5).double()
    gaussian = Gaussian().double()
    with torch.no_grad():
        gaussian.log_variance.fill_((OUTPUT - target).square().mean().log())
    gaussian(OUTPUT, target).mean().backward()
    assert gaussian.log_variance.grad is not None and gaussian.log_variance.grad.abs() < 1e-12
    from aelab.objectives import SquaredError

    squared = SquaredError()(OUTPUT, target)
    weight = 2 * gaussian.log_variance.detach().exp().item()
    assert_close(nats(SquaredError(), squared, 5, weight), gaussian(OUTPUT, target).detach())
    assert nats(AbsoluteError(), squared, 5, 1.0) is None and nats(SquaredError(), squared, 5, 0.0) is None


@pytest.mark.parametrize("error", [Poisson(), NegativeBinomial(0.7)], ids=["poisson", "negative_binomial"])
def test_counts_split_into_noise_bias_and_variance(error: Any) -> None:
    """A Bregman divergence: D(z || c) is a KL, the noise the loss of a perfect prediction, the sum exact."""
    splitting = error.decomposition
    counts = torch.tensor([0.0, 1.0, 4.0, 9.0]).double()
    z = splitting.coordinates(torch.linspace(-2, 2, 4).double(), counts)
    c = splitting.coordinates(torch.linspace(1, -1, 4).double(), counts)
    means = torch.linspace(1, -1, 4).double().exp()
    table = torch.arange(400.0).double()[:, None]
    chances = (-error.values(means.log().expand(400, 4), table)).exp()
    assert_close(chances.sum(0), torch.ones(4).double(), rtol=1e-9, atol=1e-9)
    kl = (chances * (splitting.loss(z, table) - splitting.loss(c, table))).sum(0)
    assert_close(splitting.divergence(z, c), kl, rtol=1e-8, atol=1e-10)
    perfect = counts.clamp(min=1e-12).log()
    assert_close(splitting.noise(counts), error.values(perfect, counts), rtol=1e-8, atol=1e-8)
    draws = torch.randn(6, 30, 4, generator=torch.Generator().manual_seed(1)).double()
    target = torch.poisson(torch.full((30, 4), 2.0)).double()
    found = decompose(draws, target, error)
    assert found.noise + found.bias2 + found.variance == pytest.approx(found.error, rel=1e-12)
    assert found.error == pytest.approx(error(draws, target).mean().item(), rel=1e-12)


@pytest.mark.parametrize("error", [AbsoluteError(), Gaussian()], ids=["l1", "gaussian"])
def test_what_does_not_split_says_so(error: Any) -> None:
    with pytest.raises(ValueError, match=f"error={error.name}: it is not known how"):
        decompose(OUTPUT[None].expand(3, -1, -1), OUTPUT, error)


# --- data of 0 and 1 ---


def tiny(*overrides: str) -> Any:
    return compose_tiny(Path("nowhere"), "error=bernoulli", *overrides)


@pytest.mark.parametrize("way", ["threshold", "static", "dynamic"])
def test_binarized_data_are_zeros_and_ones(way: str) -> None:
    data, again = (build_data(tiny(f"data.binarize={way}")) for _ in range(2))
    grey = build_data(compose_tiny(Path("nowhere")))
    for part in ("train", "val", "test"):
        x = data.examples(part)
        assert ((x == 0) | (x == 1)).all() and torch.equal(x, again.examples(part))
        if way == "threshold":
            assert torch.equal(x, (grey.examples(part) > 0.5).float())
        else:
            assert (x.mean(0) - grey.examples(part).mean(0)).abs().max() < 0.2 and (x == 1)[
                grey.examples(part) == 1
            ].all()
    batch = next(iter(data.train_dataloader()))
    batch = batch[0] if isinstance(batch, list) else batch
    assert bool(((batch == 0) | (batch == 1)).all()) == (way != "dynamic"), "drawn anew by the model"
    assert data.preprocessing(grey.examples("test")).unique().tolist() == ([0, 1] if way == "threshold" else
           grey.examples("test").unique().tolist())  # fmt: skip


def test_dynamic_targets_are_drawn_in_training_alone_and_from_the_models_generator() -> None:
    model = build_model(tiny("data.binarize=dynamic"), (64,), torch.rand(20, 64)).double()
    x = torch.rand(9, 64).double()
    seen: list[Tensor] = []
    model.corrupt = lambda values, generator=None: seen.append(values) or values  # type: ignore[method-assign, func-returns-value, assignment]
    for seed in (0, 0, 1):
        model.objective(x, torch.Generator().manual_seed(seed))
    model.eval().objective(x)
    assert torch.equal(seen[0], seen[1]) and not torch.equal(seen[0], seen[2]) and torch.equal(seen[3], x)
    assert ((seen[0] == 0) | (seen[0] == 1)).all()
    mean = torch.stack(
        [(torch.rand(9, 64, generator=torch.Generator().manual_seed(s)).double() < x).double() for s in range(400)]
    ).mean(0)
    assert (mean - x).abs().max() < 0.12


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ((), "error=bernoulli data=digits: the train part has values like .*; use data.binarize=threshold, static or"),
        (("error=poisson",), "error=poisson data=digits: the train part has values like .* counts are whole numbers"),
        (("data.binarize=often",), "data.binarize=often: choose threshold, static, dynamic, or null"),
        (("error.dispersion=0", "error=negative_binomial"), "error.dispersion=0"),
    ],
)
def test_what_cannot_be_meant_is_one_line(overrides: tuple[str, ...], told: str) -> None:
    with pytest.raises(UserError, match=told) as caught:
        build_data(tiny(*overrides))
    assert "\n" not in str(caught.value)


def test_values_outside_zero_and_one_are_no_probabilities(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(50, 4)))
    with pytest.raises(UserError, match=r"data.binarize=static: values are probabilities from 0 to 1, and these lie"):
        build_data(tiny("data=arrays", f"data.path={tmp_path / 'x.npy'}", "data.binarize=static"))


def test_grey_levels_have_the_probabilities_of_the_logistic_distribution_and_no_other_value_has() -> None:
    error = DiscretizedLogistic(each=True).sized((3,)).double()
    with torch.no_grad():
        error.log_scale.copy_(torch.tensor([-1.0, -3.0, -6.5]))
    mean = torch.tensor([[0.3, 0.9, -0.2], [1.4, 0.5, 0.002]]).double()
    levels = torch.arange(256).double().view(-1, 1, 1) / 255
    mass = (-error.values(mean, levels.expand(256, 2, 3))).exp().detach()
    assert_close(mass.sum(0), torch.ones(2, 3).double(), rtol=1e-10, atol=1e-10)
    of = stats.logistic(mean.numpy(), error.log_scale.exp().detach().numpy())
    ends = (np.arange(255) + 0.5).reshape(-1, 1, 1) / 255
    below = np.concatenate([np.zeros((1, 2, 3)), of.cdf(ends), np.ones((1, 2, 3))])
    assert_close(mass, torch.from_numpy(np.diff(below, axis=0)), rtol=1e-7, atol=1e-13)
    far = error.values(torch.full((1, 3), 50.0).double(), torch.full((1, 3), 0.5).double())
    assert far.isfinite().all() and (far > 100).all()
