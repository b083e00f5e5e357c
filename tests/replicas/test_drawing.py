"""Drawn codes: three levels, unbiased over every outcome, and two levels for any error."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import pytest
import torch
from run_files import directory_of
from tiny_runs import Composer
from torch import Tensor

from aelab.errors import UserError
from aelab.fitting.preparation import prepare
from aelab.fitting.run import run
from aelab.objectives import Poisson
from aelab.replicas import decompose
from aelab.replicas.drawing import DrawnDecomposer

TARGET = 0.3
POPULATION = torch.randn(2, 2, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)  # D, I, code


def outcomes() -> Tensor:
    """Two data sets, two seeds each, two codes each, all drawn independently: ``[4, 2, 16384, 1]``."""
    found = []
    for data in product(range(2), repeat=2):
        for seeds in product(range(2), repeat=4):
            rows = torch.stack([POPULATION[data[s], seeds[2 * s + r]] for s in range(2) for r in range(2)])
            found += [rows.gather(1, torch.tensor(codes).view(4, 2)) for codes in product(range(2), repeat=8)]
    return torch.stack(found, -1).unsqueeze(-1)


def test_three_levels_are_unbiased_over_all_outcomes() -> None:
    predictions = outcomes()
    assert predictions.shape == (4, 2, 16384, 1)
    decomposer = DrawnDecomposer("squared", 4, 2, groups=[0, 0, 1, 1])
    decomposer.update(predictions, torch.full((16384, 1), TARGET, dtype=torch.float64))
    found = decomposer.metrics("")
    p = POPULATION
    wanted = {
        "error_sampled": (p - TARGET).square().mean(),
        "bias2_sampled": (p.mean() - TARGET).square(),
        "variance_data_sampled": p.mean((1, 2)).var(correction=0),
        "variance_init_sampled": p.mean(2).var(1, correction=0).mean(),
        "variance_code": p.var(2, correction=0).mean(),
    }
    for name, value in wanted.items():
        assert found[name] == pytest.approx(value.item(), abs=1e-12), name
    parts = [value for name, value in found.items() if name in wanted and name != "error_sampled"]
    assert sum(parts) == pytest.approx(found["error_sampled"], rel=1e-12)


@pytest.mark.parametrize("error", ["squared", "cross_entropy", "poisson"])
def test_two_levels_are_a_nested_design_whose_data_sets_are_replicas(error: str) -> None:
    generator = torch.Generator().manual_seed(1)
    replicas = torch.randn(5, 1, 20, 3, generator=generator, dtype=torch.float64)
    predictions = replicas + torch.randn(5, 4, 20, 3, generator=generator, dtype=torch.float64)
    target = torch.rand(20, 3, generator=generator, dtype=torch.float64)
    known: Any = Poisson() if error == "poisson" else error
    target = target.mul(5).round() if error == "poisson" else target
    decomposer = DrawnDecomposer(known, 5, 4)
    for rows in (slice(0, 7), slice(7, 20)):
        decomposer.update(predictions[:, :, rows], target[rows])
    found = decomposer.metrics("")
    wanted = decompose(predictions.flatten(0, 1), target, known, groups=[k for k in range(5) for _ in range(4)])
    assert found["error_sampled"] == pytest.approx(wanted.error, rel=1e-12)
    assert found["bias2_sampled"] == pytest.approx(wanted.bias2, rel=1e-12)
    assert found["variance_sampled"] == pytest.approx(wanted.variance_data, rel=1e-12)
    assert found["variance_code"] == pytest.approx(wanted.variance_init, rel=1e-12)
    assert found["variance_code_low"] < found["variance_code"] < found["variance_code_high"]


@pytest.mark.parametrize("error", ["squared", "cross_entropy"])
def test_all_levels_of_a_nested_plan_add_up(error: str) -> None:
    predictions = torch.randn(6, 3, 10, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    target = torch.rand(10, 2, dtype=torch.float64)
    decomposer = DrawnDecomposer(error, 6, 3, groups=[0, 0, 1, 1, 2, 2])
    decomposer.update(predictions, target)
    found = decomposer.metrics("")
    names = ("bias2_sampled", "variance_data_sampled", "variance_init_sampled", "variance_code")
    noise = 0.0 if error == "squared" else decompose(predictions[:, 0], target, error).noise
    assert noise + sum(found[name] for name in names) == pytest.approx(found["error_sampled"], rel=1e-10)


def test_a_run_tells_them_alike_stacked_and_one_by_one(compose: Composer) -> None:
    found = []
    for mode in ("stacked", "sequential"):
        config = compose(
            "model=vae", "model.weight=0.1", "replicas=bootstrap", "replicas.count=2", "replicas.draws=3",
            "trainer.precision=64-true", f"replicas.mode={mode}", f"sweep={mode}", "trainer.max_epochs=1",
        )  # fmt: skip
        run(config, [])
        found.append(json.loads((directory_of(config) / "manifest.json").read_text())["metrics"])
    for name in (
        "test/error_sampled",
        "test/variance_code",
        "test/bias2_sampled",
        "test/variance_sampled",
        "test/rate",
    ):
        assert found[0][name] == pytest.approx(found[1][name], rel=1e-6), name
    one = found[0]
    parts = one["test/bias2_sampled"] + one["test/variance_sampled"] + one["test/variance_code"]
    assert parts == pytest.approx(one["test/error_sampled"], rel=1e-9) and one["test/variance_code"] > 0


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (
            ("replicas.draws=3",),
            "replicas.draws=3 model=undercomplete: its code is a function .*; use replicas.draws=0",
        ),
        (("replicas.draws=1", "model=vae"), "replicas.draws=1: one draw has no variance; use at least 2"),
    ],
)
def test_draws_that_cannot_be_meant_are_one_line(overrides: tuple[str, ...], told: str, compose: Composer) -> None:
    config = compose("replicas=bootstrap", "replicas.count=2", *overrides)
    with pytest.raises(UserError, match=told):
        prepare(config, directory_of(config), [])
