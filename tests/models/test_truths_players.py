"""Two players in one loss: every parameter has its own player's gradient, and at the optimum nobody can tell."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_runs import compose_tiny
from torch.nn.functional import softplus
from torch.testing import assert_close

from aelab.building.build import build_model, searches
from aelab.errors import UserError
from aelab.objectives.randomness import normal, seeded_generator, uniform


def players(variant: str, *overrides: str) -> Any:
    config = compose_tiny(Path("nowhere"), f"model={variant}", "model.weight=0.7", *overrides)
    return build_model(config, (6,), torch.randn(20, 6)).double()


def gradients(model: Any, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    model.zero_grad()
    loss.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def test_adversarial_players_have_their_own_gradients() -> None:
    model = players("adversarial")
    x = torch.randn(8, 6, dtype=torch.float64)
    found = gradients(model, model.objective(x, seeded_generator(0, 0)).loss)
    code = model.encode(x)
    first = gradients(
        model, model.error(model.output(code), x).mean() + 0.7 * softplus(-model.discriminator(code)).mean()
    )
    prior = normal(code, seeded_generator(0, 0))
    told = softplus(model.discriminator(model.encode(x))).mean() + softplus(-model.discriminator(prior)).mean()
    second = gradients(model, told)
    for name, gradient in found.items():
        own = second if name.startswith("discriminator") else first
        assert_close(gradient, own[name], rtol=1e-12, atol=1e-14)


def test_factor_players_have_their_own_gradients() -> None:
    model = players("factor", "model.kl_weight=0.3")
    x = torch.randn(8, 6, dtype=torch.float64)
    found = gradients(model, model.objective(x, seeded_generator(0, 0)).loss)
    encoding = model.infer(x, seeded_generator(0, 0))
    rate = model.unit_rates(encoding).sum(-1).mean()
    correlation = model.discriminator(encoding.code).mean()
    error = model.error(model.output(encoding.code), x).mean()
    first = gradients(model, error + 0.3 * rate + 0.7 * correlation)
    generator = seeded_generator(0, 0)
    code = model.infer(x, generator).code
    together, other = code[:4], code[4:]
    shuffled = other.gather(0, uniform(other, generator).argsort(0))
    told = softplus(-model.discriminator(together)).mean() + softplus(model.discriminator(shuffled)).mean()
    second = gradients(model, told)
    for name, gradient in found.items():
        own = second if name.startswith("discriminator") else first
        assert_close(gradient, own[name], rtol=1e-12, atol=1e-14)


def test_where_nobody_can_tell_the_losses_are_logarithms_of_two() -> None:
    model = players("adversarial")
    for parameter in model.discriminator.parameters():
        torch.nn.init.zeros_(parameter)
    terms = model.objective(torch.randn(8, 6, dtype=torch.float64), seeded_generator(0, 0))
    assert terms.penalties["penalty"].item() == pytest.approx(math.log(2))
    assert terms.penalties["discriminator"].item() == pytest.approx(2 * math.log(2))


def test_the_best_logit_of_shuffled_codes_measures_the_total_correlation() -> None:
    """Of a bivariate normal with correlation .7 the mean of log q(z) / prod q(z_j) is -1/2 log(1 - .49) = .33667."""
    rho = 0.7
    covariance = torch.tensor([[1.0, rho], [rho, 1.0]]).double()
    code = torch.randn(200_000, 2, dtype=torch.float64, generator=seeded_generator(0, 0))
    code = code @ torch.linalg.cholesky(covariance).mT
    forms = (code @ torch.linalg.inv(covariance) * code).sum(1)
    logit = -0.5 * torch.logdet(covariance) - 0.5 * forms + 0.5 * code.square().sum(1)
    assert logit.mean().item() == pytest.approx(-0.5 * math.log(1 - rho**2), abs=0.01)


@pytest.mark.parametrize("variant", ["adversarial", "factor"])
@pytest.mark.parametrize("optimizer", ["lbfgs", "cg"])
def test_a_search_along_lines_is_refused(variant: str, optimizer: str) -> None:
    config = compose_tiny(Path("nowhere"), f"model={variant}", f"optimizer={optimizer}")
    with pytest.raises(UserError, match=f"optimizer={optimizer} model={variant}: two players .*; use optimizer=adam"):
        searches(config)


@pytest.mark.parametrize("variant", ["adversarial", "factor"])
def test_what_cannot_be_meant_is_one_line(variant: str) -> None:
    with pytest.raises(UserError, match=r"model.discriminator=\[0\]"):
        players(variant, "model.discriminator=[0]")
    assert players(variant, "model.discriminator=[]").discriminator.layers[0].weight.shape == (1, 4)
