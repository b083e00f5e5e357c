"""No training step makes the host wait for the device: found without a GPU, and asked of one where there is one."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from no_waiting import Waits, no_waiting
from variants import SETTINGS, SHAPE, config_of

from aelab.building.build import build_model
from aelab.models import Autoencoder
from aelab.objectives import randomness
from aelab.objectives.randomness import seeded_generator
from aelab.objectives.waiting import constants, none_for_sure, on_device
from aelab.replicas.rates import Rates, give_rates
from aelab.replicas.stacking import stack

NAMES = [f"{variant} {settings or ''}" for variant, settings in SETTINGS]
WAITING = {  # what does wait in each step, and why it stays
    ("rae", "spectral"): "spectral norms are singular values, whose iteration a GPU's solver reports back",
}


def reason(variant: str, settings: dict[str, Any]) -> str | None:
    return WAITING.get((variant, str(settings.get("regularizer"))))


def model(variant: str, settings: dict[str, Any], stacked: bool) -> Autoencoder:
    """Float32, in training, corrupted, with weights and rates that differ within a stack."""
    config = config_of(variant, "mlp", settings, corruption="masking")
    lone = [build_model(config, SHAPE, torch.rand(20, 64), seed=seed).train() for seed in (3, 1)]
    if not stacked:
        return lone[0]
    if "weight" in lone[0].varying:
        lone[0].weight, lone[1].weight = 0.25, 0.5
    together = stack(lone).train()
    give_rates(together, [1e-3, 2e-3], own_plateaus=False)
    return together


def step(trained: Autoencoder, x: torch.Tensor, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    trained._training_loss(x).backward()
    optimizer.step()


def without_fused(trained: Autoencoder, stacked: bool) -> torch.optim.Optimizer:
    """The optimiser whose arithmetic a device without values has; a fused one's is that device's own."""
    if not stacked:
        return torch.optim.SGD(trained.parameters(), lr=1e-3)
    return Rates([1e-3, 2e-3]).optimizer(torch.optim.SGD, trained.parameters())


@pytest.mark.parametrize("stacked", [False, True], ids=["alone", "stacked"])
@pytest.mark.parametrize(("variant", "settings"), SETTINGS, ids=NAMES)
def test_no_step_looks_at_a_value(
    variant: str, settings: dict[str, Any], stacked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first step may copy constants to the device; the second must not."""
    # there are no generators on meta, whose numbers nobody reads
    monkeypatch.setattr(randomness, "seeded_generator", lambda *_, **__: None)
    trained = model(variant, settings, stacked).to("meta")
    optimizer = without_fused(trained, stacked)
    x = torch.empty((2, 6, 64) if stacked else (6, 64), device="meta")
    if reason(variant, settings):
        with pytest.raises(Waits, match="svd"), no_waiting():
            step(trained, x, optimizer)
        return
    step(trained, x, optimizer)
    with no_waiting():
        step(trained, x, optimizer)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("stacked", [False, True], ids=["alone", "stacked"])
@pytest.mark.parametrize(("variant", "settings"), SETTINGS, ids=NAMES)
def test_cuda_finds_no_waiting_either(variant: str, settings: dict[str, Any], stacked: bool) -> None:
    if reason(variant, settings):
        pytest.skip(str(reason(variant, settings)))
    trained = model(variant, settings, stacked).cuda()
    seeds = [trained.seed] if isinstance(trained.seed, int) else trained.seed
    generators = [seeded_generator(seed, 0, device="cuda") for seed in seeds]
    trained.generator = generators if stacked else generators[0]
    optimizer = trained.make_optimizer(trained.parameters())
    x = torch.rand((2, 6, 64) if stacked else (6, 64)).cuda()
    step(trained, x, optimizer)
    torch.cuda.set_sync_debug_mode("error")
    try:
        step(trained, x, optimizer)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize(
    "look",
    [
        lambda x: float(x.sum()),
        lambda x: x[x > 0],
        lambda x: x.nonzero(),
        lambda x: x * torch.ones(3, device="cpu").to("meta"),
        lambda x: x + torch.tensor([1.0, 2.0, 3.0], device="meta"),
        lambda x: x.new_tensor([1.0, 2.0, 3.0]),
        lambda x: torch.linalg.matrix_norm(x.expand(3, 3), ord=2),
    ],
    ids=["float", "mask", "nonzero", "copy", "constant", "new constant", "singular values"],
)
def test_what_waits_is_found(look: Any) -> None:
    with pytest.raises(Waits), no_waiting():
        look(torch.empty(3, device="meta"))


def test_constants_are_copied_once_and_masks_looked_at_on_the_host_alone() -> None:
    meta = torch.device("meta")
    constant = torch.arange(3)
    assert on_device(constant, torch.device("cpu")) is constant
    assert on_device(constant, meta) is on_device(constant, meta)
    assert constants((1, 2), torch.int64, meta) is constants([1, 2], torch.int64, meta)
    assert constants((1, 2), torch.int64, torch.device("cpu")).tolist() == [1, 2]
    assert none_for_sure(torch.zeros(2, dtype=torch.bool))
    assert not none_for_sure(torch.tensor([False, True]))
    assert not none_for_sure(torch.zeros(2, dtype=torch.bool, device=meta))
