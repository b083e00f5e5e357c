"""Every variant in conf/model, found unasked, keeps one contract."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import DictConfig, OmegaConf
from small_vgg import saved, small_vgg
from torch import Tensor
from torch.testing import assert_close
from variants import CORRUPTIONS, NETWORKS, SETTINGS, SHAPE, VARIANTS, choices, config_of, numbers

from aelab.building.build import build_model
from aelab.config.objects import conf_dir
from aelab.errors import UserError
from aelab.models import Autoencoder
from aelab.models.base.metrics import ReconstructionMetrics
from aelab.objectives import ERRORS
from aelab.objectives.randomness import seeded_generator
from aelab.replicas.stacking import stack
from aelab.runs.identity import run_id

LEARNED = [("mlp", error) for error in choices("error")]
LEARNED += [(network, error) for network in NETWORKS if network != "mlp" for error in ("squared", "cross_entropy")]
STACKS = [("mlp", corruption) for corruption in CORRUPTIONS]
STACKS += [(network, "gaussian") for network in NETWORKS if network != "mlp"]


def model_of(config: DictConfig, seed: int = 0) -> Autoencoder:
    """A float64 model with weights and noise of its seed."""
    config.seed = seed
    return build_model(config, SHAPE, torch.rand(20, 64)).double()


def batch(*axes: int) -> Tensor:
    return torch.rand(*axes, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(5))


def gradients(model: Autoencoder) -> dict[str, Tensor | None]:
    """Of what learns."""
    return {name: parameter.grad for name, parameter in model.named_parameters() if parameter.requires_grad}


@pytest.mark.parametrize("variant", VARIANTS)
def test_name_is_the_file(variant: str) -> None:
    assert OmegaConf.load(conf_dir() / "model" / f"{variant}.yaml").name == variant
    assert run_id(config_of(variant)).startswith(f"{variant}-digits-")


def weighted(model: Autoencoder, penalties: Mapping[str, Tensor]) -> Tensor:
    return sum((torch.as_tensor(model.factor(name, p) * p) for name, p in penalties.items()), torch.zeros(()))


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("network, error", LEARNED)
def test_objective_is_finite_and_differentiable(variant: str, error: str, network: str, tmp_path: Path) -> None:
    config = config_of(variant, network, error=error)
    if error == "perceptual":
        config.error = OmegaConf.merge(config.error, saved(tmp_path / "v.pth", small_vgg().state_dict()))
        config.error.normalize = "none"
    if ERRORS[error].kind == "symbols":  # which these networks do not give; see test_symbols
        with pytest.raises(UserError, match=f"error={error} network={config.network.name}: the error takes a logit"):
            model_of(config)
        return
    if variant == "masked" and not hasattr(ERRORS[error], "values"):
        with pytest.raises(UserError, match=f"model=masked error={error}: the error of single values is not known"):
            model_of(config)
        return
    model = model_of(config)
    terms = model.objective(batch(6), torch.Generator().manual_seed(1))
    assert terms.loss.shape == () and terms.loss.isfinite()
    assert terms.encoding.code.shape == (6, 12)
    terms.loss.backward()
    for name, gradient in gradients(model).items():
        assert gradient is not None and gradient.isfinite().all(), name


@pytest.mark.parametrize("variant, settings", SETTINGS, ids=[f"{v} {s or ''}" for v, s in SETTINGS])
def test_loss_is_the_error_and_every_penalty_by_its_factor(variant: str, settings: dict[str, Any]) -> None:
    """In training and outside, and each penalty is a metric of its own; ``objective`` is nobody's to override."""
    model = model_of(config_of(variant, settings=settings))
    assert type(model).objective is Autoencoder.objective
    x = batch(6)
    for training in (True, False):
        model.train(training)
        terms = model.objective(x, torch.Generator().manual_seed(1))
        assert_close(terms.loss, terms.error + weighted(model, terms.penalties), rtol=1e-12, atol=1e-12)
    measured = model.evaluate(x)
    assert_close(measured.loss, measured.error.mean() + weighted(model, measured.penalties), rtol=1e-12, atol=1e-12)
    metrics = ReconstructionMetrics()
    metrics.update(x, measured)
    usual = {"error", "mse", "fvu", "loss", "penalty", *measured.penalties}
    own = {"moments": {"active_units"}, "usage": {"used", "perplexity", "rate"}}
    assert set(metrics.compute(lambda value: value)) == usual.union(*(own.get(name, ()) for name in measured.beside))


@pytest.mark.parametrize("variant, settings", SETTINGS, ids=[f"{v} {s or ''}" for v, s in SETTINGS])
@pytest.mark.parametrize("network, corruption", STACKS)
def test_equal_alone_and_stacked(network: str, variant: str, settings: dict[str, Any], corruption: str) -> None:
    config = config_of(variant, network, settings, corruption=corruption)
    if (variant, corruption) == ("denoising", "none"):
        with pytest.raises(UserError, match="model=denoising corruption=none: nothing to denoise"):
            model_of(config)
        return
    seeds = [3, 1, 4]
    lone = [model_of(config, seed) for seed in seeds]
    stacked = stack(lone)
    assert stacked.seed == seeds
    first = [model.network.encoder_layers[0].weight for model in lone]
    assert all(not torch.equal(a, b) for a, b in pairwise(first))
    x = batch(3, 6)
    for training in (True, False):
        for model in (stacked, *lone):
            model.train(training).zero_grad()
        together = stacked.objective(x, [seeded_generator(seed, 0) for seed in seeds])
        together.loss.sum().backward()
        stacked.observe(together.encoding.detach())
        for k, (model, seed) in enumerate(zip(lone, seeds, strict=True)):
            alone = model.objective(x[k], seeded_generator(seed, 0))
            alone.loss.backward()
            model.observe(alone.encoding.detach())
            for ours, reference in zip(numbers(together), numbers(alone), strict=True):
                assert_close(ours[k], reference, rtol=1e-12, atol=1e-12)
            for name, gradient in gradients(model).items():
                of_all = gradients(stacked)[name]
                assert of_all is not None
                assert_close(of_all[k], gradient, rtol=1e-11, atol=1e-12, msg=lambda m, n=name: f"{n}: {m}")
            for name, value in model.state_dict().items():
                assert_close(stacked.state_dict()[name][k], value, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("corruption, variant", list(product(CORRUPTIONS, VARIANTS)))
def test_corruption_changes_what_the_encoder_sees_in_training_only(corruption: str, variant: str) -> None:
    if (variant, corruption) == ("denoising", "none"):
        return  # refused, see above
    model = model_of(config_of(variant, corruption=corruption))
    x = batch(50)
    seen = model.corrupt(x, torch.Generator().manual_seed(1))
    again = model.corrupt(x, torch.Generator().manual_seed(1))
    other = model.corrupt(x, torch.Generator().manual_seed(2))
    assert torch.equal(seen, again)
    assert torch.equal(seen, x) == (corruption == "none") == torch.equal(seen, other)
    before = model.objective(x, torch.Generator().manual_seed(1)).loss
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4)
    before.backward()
    optimizer.step()
    if model.players == 1:  # of two, each is the other's loss
        assert model.objective(x, torch.Generator().manual_seed(1)).loss < before
    model.eval()
    assert_close(model.reconstruct(x), model.decode(model.encode(x)), rtol=0, atol=0)
