"""The regularised autoencoder: the linear optimum is a soft threshold, the penalty the decoder's own Jacobian."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_runs import compose_tiny
from torch.testing import assert_close

from aelab.building.build import build_model
from aelab.errors import UserError
from aelab.models import RegularizedAutoencoder
from aelab.objectives.jacobian import exact_by_columns


def rae(*overrides: str, values: int = 3, units: int = 3) -> RegularizedAutoencoder:
    config = compose_tiny(Path("nowhere"), "model=rae", f"network.code_size={units}", *overrides)
    model = build_model(config, (values,), torch.randn(20, values)).double()
    assert isinstance(model, RegularizedAutoencoder)
    return model


@pytest.mark.parametrize("regularizer", ["l2", "gradient"])
def test_the_linear_optimum_is_a_soft_threshold(regularizer: str) -> None:
    """Each direction is rebuilt by max(0, 1 - sqrt(b w / (2 lambda))): .8, .5528 and 0 of variances 5, 1 and .15."""
    variances = torch.tensor([5.0, 1.0, 0.15], dtype=torch.float64)
    model = rae(
        "network=linear",
        "network.hidden=[]",
        f"model.regularizer={regularizer}",
        "model.code_weight=0.5",
        "model.weight=0.8",
    ).eval()
    gain = (1 - (0.5 * 0.8 / (2 * variances)).sqrt()).clamp(min=0)
    assert_close(gain, torch.tensor([0.8, 0.55278640, 0.0], dtype=torch.float64), atol=1e-8, rtol=0)
    encoder = (gain * (0.8 / (0.25 * variances)).sqrt()).sqrt()
    x = torch.linalg.qr(torch.randn(40, 3, dtype=torch.float64)).Q * (40 * variances).sqrt()
    x = torch.cat([x, -x]) / 2**0.5 * 2**0.5
    with torch.no_grad():
        model.network.encoder_layers[0].weight.copy_(encoder.diag())
        model.network.decoder_layers[0].weight.copy_((gain / encoder.clamp(min=1e-300)).diag())
        for layer in (model.network.encoder_layers[0], model.network.decoder_layers[0]):
            layer.bias.zero_()
    model.objective(x).loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() < 1e-10, name


def test_the_penalty_is_the_decoders_jacobian_and_its_estimate_has_that_mean(monkeypatch: Any) -> None:
    model = rae("network.hidden=[7]", "network.activation=tanh", "model.regularizer=gradient", values=5, units=3)
    code = torch.randn(2, 3, dtype=torch.float64)
    jacobians = [torch.autograd.functional.jacobian(model.output, row[None])[0, :, 0] for row in code]
    wanted = torch.stack([each.square().sum() for each in jacobians]).mean()
    assert_close(exact_by_columns(model.output, code), wanted, rtol=1e-12, atol=1e-12)
    with torch.no_grad():
        assert_close(exact_by_columns(model.output, code), wanted, rtol=1e-12, atol=1e-12)
    found = []
    for signs in product((-1.0, 1.0), repeat=3):
        monkeypatch.setattr(
            "aelab.objectives.jacobian.rademacher", lambda like, _, s=signs: torch.tensor(s).to(like).expand_as(like)
        )
        found.append(model._roughness(code, None))
    assert_close(torch.stack(found).mean(), wanted, rtol=1e-12, atol=1e-12)
    torch.stack(found).mean().backward()
    ours = model.network.decoder_layers[0].weight.grad.clone()
    model.zero_grad()
    model.eval()._roughness(code, None).backward()
    assert_close(ours, model.network.decoder_layers[0].weight.grad, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("network", [("network.hidden=[7]",), ("network.hidden=[7]", "network.tied=true")])
def test_spectral_weights_have_norm_one_and_the_decoder_stretches_nothing(network: tuple[str, ...]) -> None:
    model = rae(*network, "model.regularizer=spectral", values=5, units=3).eval()
    layers = model.network.encoder_layers if model.network.tied else model.network.decoder_layers
    for layer in layers:
        assert torch.linalg.svdvals(layer.weight).max().item() == pytest.approx(1, abs=1e-12)
    a, b = torch.randn(2, 30, 3, dtype=torch.float64)
    assert ((model.decode(a) - model.decode(b)).norm(dim=1) <= (a - b).norm(dim=1) + 1e-12).all()


def test_what_cannot_be_meant_is_one_line() -> None:
    with pytest.raises(UserError, match=r"model.code_weight=-1"):
        rae("model.code_weight=-1")
