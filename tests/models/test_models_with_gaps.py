"""Every variant learns from examples of which some values are not known, and what stands there cannot matter."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor
from torch.testing import assert_close
from variants import SETTINGS, SHAPE, config_of, numbers

from aelab.building.build import build_model
from aelab.models import Autoencoder
from aelab.objectives.randomness import seeded_generator
from aelab.replicas.measuring import predictions
from aelab.replicas.stacking import stack


def model_of(variant: str, settings: dict[str, Any], seed: int, missing: str | None) -> Autoencoder:
    config = config_of(variant, settings=settings, corruption="salt_and_pepper")
    config.seed = seed
    OmegaConf.update(config, "data.missing", missing, force_add=True)
    return build_model(config, SHAPE, torch.rand(20, 64, generator=torch.Generator().manual_seed(8))).double()


def holed(*axes: int) -> Tensor:
    x = torch.rand(*axes, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    return torch.where(torch.rand(x.shape, generator=torch.Generator().manual_seed(6)) < 0.3, torch.nan, x)


@pytest.mark.parametrize("variant, settings", SETTINGS, ids=[f"{v} {s or ''}" for v, s in SETTINGS])
def test_gaps_alone_and_stacked(variant: str, settings: dict[str, Any]) -> None:
    seeds = [3, 1]
    lone = [model_of(variant, settings, seed, "mask") for seed in seeds]
    stacked = stack(lone)
    x = holed(2, 6)
    for training in (True, False):
        for model in (stacked, *lone):
            model.train(training).zero_grad()
        together = stacked.objective(x, [seeded_generator(seed, 0) for seed in seeds])
        for k, (model, seed) in enumerate(zip(lone, seeds, strict=True)):
            alone = model.objective(x[k], seeded_generator(seed, 0))
            assert all(number.isfinite().all() for number in numbers(alone))
            for ours, reference in zip(numbers(together), numbers(alone), strict=True):
                assert_close(ours[k], reference, rtol=1e-10, atol=1e-12)
            alone.loss.backward()
            gradients = [p.grad for p in model.parameters() if p.requires_grad]
            assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)
    measured = stacked.evaluate(x)
    outputs = predictions([stacked], x[0])
    for k, model in enumerate(lone):
        assert_close(measured.error[k], model.evaluate(x[k]).error, rtol=1e-10, atol=1e-12)
        assert_close(outputs[k], predictions([model], x[0])[0], rtol=1e-10, atol=1e-12)
        assert_close(model.error(outputs[k], x[0]), model.evaluate(x[0]).error, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("variant", ["undercomplete", "vae", "masked", "top_k", "iwae"])
def test_without_gaps_nothing_changes(variant: str) -> None:
    x = holed(6).nan_to_num(0.5)
    plain, partly = (model_of(variant, {}, 2, missing) for missing in (None, "mask"))
    for training in (True, False):
        terms = [model.train(training).objective(x, seeded_generator(0, 0)) for model in (plain, partly)]
        for name in terms[1].penalties:  # an error with gaps is no likelihood, so that there is no bound
            assert_close(terms[1].penalties[name], terms[0].penalties[name], rtol=1e-12, atol=1e-12)
        assert_close(terms[1].loss, terms[0].loss, rtol=1e-12, atol=1e-12)
