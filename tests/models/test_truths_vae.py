"""The variational autoencoder against closed forms: its KL, and the linear model, whose optimum is known."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm
from tiny_runs import compose_tiny
from torch.testing import assert_close

from aelab.building.build import build_model
from aelab.errors import UserError
from aelab.models import VariationalAutoencoder
from aelab.objectives.divergence import normal_kl

EIGENVALUES = (5.0, 3.0, 1.5, 0.6, 0.3, 0.1)
UNITS = 4


def vae(*overrides: str, shape: tuple[int, ...] = (6,)) -> VariationalAutoencoder:
    config = compose_tiny(Path("nowhere"), "model=vae", *overrides)
    model = build_model(config, shape, torch.randn(20, *shape).flatten(1)).double()
    assert isinstance(model, VariationalAutoencoder)
    return model


@pytest.mark.parametrize("mean, variance", [(0.0, 1.0), (0.7, 0.3), (-2.0, 1.8)])
def test_kl_is_the_integral(mean: float, variance: float) -> None:
    q = norm(mean, variance**0.5)
    wanted, _ = quad(lambda z: q.pdf(z) * (q.logpdf(z) - norm.logpdf(z)), -15, 15, epsabs=1e-13, limit=200)
    m = torch.tensor(mean, dtype=torch.float64, requires_grad=True)
    log_variance = torch.tensor(variance, dtype=torch.float64).log().requires_grad_()
    found = normal_kl(m, log_variance)
    assert found.item() == pytest.approx(wanted, abs=1e-10)
    found.backward()
    assert m.grad is not None and log_variance.grad is not None
    assert_close(m.grad, m.detach())
    assert_close(log_variance.grad, (log_variance.exp() - 1).detach() / 2)


def optimum() -> tuple[VariationalAutoencoder, torch.Tensor]:
    """Probabilistic PCA (Tipping & Bishop 1999) as weights, with noise of variance 1, and data of its eigenvalues."""
    model = vae("network=linear", "network.hidden=[]", f"network.code_size={UNITS}", "model.weight=2")
    draw = np.random.default_rng(0)
    x = draw.normal(size=(50, 6))
    x -= x.mean(0)
    u, _, v = np.linalg.svd(x, full_matrices=False)
    data = torch.from_numpy(u * np.sqrt(50 * np.array(EIGENVALUES)) @ v)
    values = torch.tensor(EIGENVALUES[:UNITS], dtype=torch.float64)
    gain = (values - 1).clamp(min=0).sqrt()
    directions = torch.from_numpy(v[:UNITS].copy())
    with torch.no_grad():
        model.network.encoder_layers[0].weight.copy_((gain / values)[:, None] * directions)
        model.network.decoder_layers[0].weight.copy_((directions * gain[:, None]).mT)
        for layer in (model.network.encoder_layers[0], model.network.decoder_layers[0], model.log_variance):
            layer.bias.zero_()
        model.log_variance.weight.zero_()
        model.log_variance.bias.copy_(-values.clamp(min=1).log())
    return model, data


def test_a_linear_vae_is_the_rate_distortion_function_of_a_gaussian(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loss is quadratic in the noise, so that all patterns of signs give its expectation exactly."""
    model, data = optimum()
    losses, errors, kls = [], [], []
    for signs in product((-1.0, 1.0), repeat=UNITS):
        noise = torch.tensor(signs, dtype=torch.float64)
        monkeypatch.setattr("aelab.models.variational.normal_code.normal", lambda like, _, n=noise: n.expand_as(like))
        terms = model.objective(data)
        losses.append(terms.loss)
        errors.append(terms.error)
        kls.append(terms.penalties["penalty"])
    loss = torch.stack(losses).mean()
    assert torch.stack(errors).mean().item() == pytest.approx(4.0, abs=1e-10)
    assert torch.stack(kls).mean().item() == pytest.approx(1.5567577, abs=1e-7)
    assert loss.item() == pytest.approx(4 + 2 * 1.5567577, abs=1e-6)
    loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() < 1e-10, name
    measured = model.eval().evaluate(data)
    assert measured.error.mean().item() == pytest.approx(2.2, abs=1e-10), "of the mean code"
    evidence = 0.5 * (loss.item() + 6 * np.log(2 * np.pi))
    covariance = np.cov(data.T.numpy(), bias=True)
    w = model.network.decoder_layers[0].weight.detach().numpy()
    marginal = w @ w.T + np.eye(6)
    exact = 0.5 * (
        6 * np.log(2 * np.pi) + np.linalg.slogdet(marginal)[1] + np.trace(np.linalg.solve(marginal, covariance))
    )
    assert evidence == pytest.approx(exact, abs=1e-6) and evidence == pytest.approx(9.0703889, abs=1e-6)


def test_training_draws_codes_and_encoding_gives_their_mean() -> None:
    model = vae(shape=(1, 8, 8))
    x = torch.rand(5000, 64, dtype=torch.float64)
    parts = model.infer(x[:1].expand(5000, -1), torch.Generator().manual_seed(0)).parts
    codes = model.infer(x[:1].expand(5000, -1), torch.Generator().manual_seed(0)).code
    assert_close(codes.mean(0), parts["mean"][0], atol=0.08, rtol=0)
    assert_close(codes.var(0), parts["log_variance"][0].exp(), atol=0.1, rtol=0.1)
    model.eval()
    assert_close(model.encode(x), model.infer(x).parts["mean"])


def test_free_nats_and_capacity() -> None:
    x = torch.rand(40, 64, dtype=torch.float64)
    plain = vae(shape=(1, 8, 8)).eval().evaluate(x)
    units = plain.penalties["penalty"]
    free = vae("model.free_nats=100", shape=(1, 8, 8))
    terms = free.objective(x, torch.Generator().manual_seed(0))
    assert_close(terms.penalties["penalty"], torch.tensor(100.0 * free.network.code_size).double())
    assert_close(terms.loss, terms.error + terms.penalties["penalty"])
    terms.penalties["penalty"].requires_grad_().sum().backward()
    held = vae("model.capacity=3", shape=(1, 8, 8)).eval().evaluate(x)
    assert_close(held.penalties["rate"], units) and assert_close(held.penalties["penalty"], (units - 3).abs())


def test_the_optimal_variance_is_the_mean_squared_error() -> None:
    """The gradient of D/2 log(mse) + KL is that of error + w KL, over w, at w = 2 mse (Rybkin et al. 2021, eq. 7)."""
    x = torch.rand(40, 64, dtype=torch.float64)
    free = vae("model.optimal_variance=true", "model.weight=1", shape=(1, 8, 8))
    terms = free.objective(x, torch.Generator().manual_seed(0))
    best = 2 * terms.error.item() / 64
    assert terms.loss.item() == pytest.approx(32 * np.log(best / 2) + terms.penalties["rate"].item())
    terms.loss.backward()
    fixed = vae(f"model.weight={best!r}", shape=(1, 8, 8))
    fixed.load_state_dict(free.state_dict())
    (fixed.objective(x, torch.Generator().manual_seed(0)).loss / best).backward()
    for (name, ours), theirs in zip(free.named_parameters(), fixed.parameters(), strict=True):
        assert_close(ours.grad, theirs.grad, rtol=1e-9, atol=1e-11, msg=name)
    bound = free.eval().evaluate(x).penalties
    s2 = bound["error_sampled"] / 64
    known = -(32 * (2 * np.pi * s2).log() + 32) - bound["rate"]
    assert_close(bound["elbo"], known)


@pytest.mark.parametrize(
    ("warmup", "cycles", "wanted"), [(0.5, 1, [0, 0.5, 1, 1]), (1, 2, [0, 0.5, 0, 0.5]), (0, 1, [1, 1, 1, 1])]
)
def test_the_weight_rises(warmup: float, cycles: int, wanted: list[float]) -> None:
    model = vae(f"model.warmup={warmup}", f"model.cycles={cycles}", "model.weight=3")
    found = []
    for epoch in range(4):
        model.progress = epoch / 4
        found.append(float(model.factor("penalty", torch.tensor(1.0))) / 3)
    assert found == pytest.approx(wanted)
    assert float(model.eval().factor("penalty", torch.tensor(1.0))) == 3, "what is measured has its whole weight"


@pytest.mark.parametrize(
    "override",
    ["model.code_activation=relu", "model.warmup=2", "model.cycles=0", "model.free_nats=-1", "model.capacity=-1"],
)
def test_what_cannot_be_meant_is_one_line(override: str) -> None:
    with pytest.raises(UserError, match=override.partition("=")[0]):
        vae(override)
    with pytest.raises(UserError, match="use one of them"):
        vae("model.free_nats=1", "model.capacity=1")


def test_it_learns(tmp_path: Path) -> None:
    from aelab.fitting.run import run

    config: Any = compose_tiny(tmp_path, "model=vae", "model.weight=0.02", "trainer.max_epochs=15", "optimizer.lr=0.01")
    assert run(config, []) < 4
