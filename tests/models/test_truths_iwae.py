"""The importance-weighted bound: exact for the true posterior, monotone in the samples, the VAE's loss for one."""

from __future__ import annotations

import math
from itertools import product
from pathlib import Path

import pytest
import torch
from tiny_runs import compose_tiny

from aelab.building.build import build_model
from aelab.errors import UserError
from aelab.models import ImportanceWeightedAutoencoder
from aelab.objectives.randomness import seeded_generator


def iwae(*overrides: str, values: int = 1, units: int = 1) -> ImportanceWeightedAutoencoder:
    config = compose_tiny(
        Path("nowhere"), "model=iwae", "network=linear", "network.hidden=[]", f"network.code_size={units}", *overrides
    )
    model = build_model(config, (values,), torch.randn(20, values)).double()
    assert isinstance(model, ImportanceWeightedAutoencoder)
    return model


def scalar(gain: float, mean: float, variance: float, *overrides: str) -> ImportanceWeightedAutoencoder:
    """p(x | z) = N(gain z, 1) and q(z | x) = N(mean x, variance)."""
    model = iwae("model.weight=2", *overrides)
    with torch.no_grad():
        for layer, weight, bias in (
            (model.network.encoder_layers[0], mean, 0.0),
            (model.network.decoder_layers[0], gain, 0.0),
            (model.log_variance, 0.0, math.log(variance)),
        ):
            layer.weight.fill_(weight)
            layer.bias.fill_(bias)
    return model


X, GAIN = 0.9, 1.7
EVIDENCE = -0.5 * (math.log(2 * math.pi * (GAIN**2 + 1)) + X**2 / (GAIN**2 + 1))


def bound(model: ImportanceWeightedAutoencoder, count: int) -> float:
    """Mean over ``count`` examples, all the same, of the bound on log p(x) in nats."""
    x = torch.full((count, 1), X, dtype=torch.float64)
    loss = model.objective(x, seeded_generator(0, 0)).loss
    return -(loss.item() / 2 + 0.5 * math.log(2 * math.pi))


@pytest.mark.parametrize("samples", [1, 5])
def test_the_true_posterior_makes_it_exact_whatever_is_drawn(samples: int) -> None:
    variance = 1 / (1 + GAIN**2)
    model = scalar(GAIN, variance * GAIN, variance, f"model.samples={samples}")
    assert bound(model, 3) == pytest.approx(EVIDENCE, abs=1e-12)
    measured = model.eval().evaluate(torch.full((3, 1), X, dtype=torch.float64))
    assert measured.penalties["elbo"].item() == pytest.approx(EVIDENCE, abs=1e-12)


@pytest.mark.parametrize("samples, wanted", [(1, -3.31051), (2, -2.1727), (5, -1.8095), (50, -1.7103)])
def test_a_wrong_posterior_costs_less_the_more_samples(samples: int, wanted: float) -> None:
    model = scalar(GAIN, 0.2 / X, 1.5, f"model.samples={samples}")
    assert bound(model, 400_000 // samples) == pytest.approx(wanted, abs=0.02) and wanted < EVIDENCE + 1e-4


def test_one_sample_has_the_gradient_of_the_vae(monkeypatch: pytest.MonkeyPatch) -> None:
    """All patterns of signs give the expectation of what is quadratic in the noise exactly."""
    model = iwae("model.samples=1", "model.weight=0.7", values=5, units=3)
    x = torch.randn(4, 5, dtype=torch.float64)
    patterns = list(product((-1.0, 1.0), repeat=3))
    for signs in patterns:
        noise = torch.tensor(signs, dtype=torch.float64)
        monkeypatch.setattr("aelab.models.variational.normal_code.normal", lambda like, _, n=noise: n.expand_as(like))
        (model.objective(x).loss / len(patterns)).backward()
    found = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}  # type: ignore[union-attr]
    model.zero_grad()
    for signs in patterns:
        noise = torch.tensor(signs, dtype=torch.float64)
        monkeypatch.setattr("aelab.models.variational.normal_code.normal", lambda like, _, n=noise: n.expand_as(like))
        terms = model.objective(x)
        ((terms.error + 0.7 * terms.penalties["rate"]) / len(patterns)).backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(found[name], parameter.grad, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("override", ["model.samples=0", "model.weight=0"])
def test_what_cannot_be_meant_is_one_line(override: str) -> None:
    with pytest.raises(UserError, match=override):
        iwae(override)
