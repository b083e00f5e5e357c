"""Semantic hashing: the noise is where the paper puts it, and it makes bits."""

from __future__ import annotations

import pytest
import torch
from tiny_runs import Composer
from torch.testing import assert_close

from aelab.building.build import build_model
from aelab.errors import UserError
from aelab.models import Autoencoder
from aelab.objectives.randomness import seeded_generator


def model_of(compose: Composer, *overrides: str) -> Autoencoder:
    return build_model(compose("model=semantic_hashing", "network.code_size=8", *overrides), (1, 8, 8)).double()


def test_noise_of_the_given_size_before_the_sigmoid_in_training_only(compose: Composer) -> None:
    model = model_of(compose, "model.std=2.5")
    x = torch.rand(400, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    noise = model.infer(x, seeded_generator(1, 0)).code.logit() - model.network.encode(x)
    expected = 2.5 * torch.randn(400, 8, dtype=torch.float64, generator=seeded_generator(1, 0))
    assert_close(noise, expected, atol=1e-8, rtol=1e-6)
    model.eval()
    assert torch.equal(model.objective(x, seeded_generator(1, 0)).encoding.code, model.encode(x))
    assert torch.equal(model.infer(x).code, model.network.encode(x).sigmoid())


def test_noise_drives_the_code_to_bits(compose: Composer) -> None:
    x = (torch.rand(256, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) > 0.5).double()
    middling = {}
    for std in (0, 4):
        model = model_of(compose, f"model.std={std}", "error=cross_entropy")
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        generator = torch.Generator().manual_seed(1)
        for _ in range(300):
            optimizer.zero_grad()
            model.objective(x, generator).loss.backward()
            optimizer.step()
        code = model.eval().encode(x)
        middling[std] = ((code > 0.05) & (code < 0.95)).double().mean()
    assert middling[4] < 0.5 * middling[0]


@pytest.mark.parametrize(
    "override, message",
    [("model.code_activation=relu", "model.code_activation=relu: this code"), ("model.std=-1", "model.std=-1")],
)
def test_settings_that_make_no_bits_are_refused(compose: Composer, override: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        model_of(compose, override)
