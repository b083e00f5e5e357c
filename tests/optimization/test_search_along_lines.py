"""Optimisers that search along lines reach the exact optimum, and see one noise a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from tiny_runs import Composer

from aelab.building.build import build_data, joined_steps
from aelab.building.fit import Fit, Member
from aelab.errors import UserError
from aelab.evaluation.baselines.pca import fit_pca, pca_error
from aelab.fitting.run import run
from aelab.optimization import ConjugateGradients
from aelab.replicas.best import BestWeights
from aelab.runs.history_file import read_rows

FULL_BATCH = (
    "data.batch_size=2000",
    "network=linear",
    "trainer.max_epochs=4",
    "network.code_size=2",
    "trainer.precision=64-true",
)


@pytest.mark.parametrize("size", [2, 10])
def test_conjugate_gradients_minimise_a_quadratic(size: int) -> None:
    torch.manual_seed(0)
    root, target = torch.randn(2, size, size, dtype=torch.float64)
    matrix, vector = root @ root.mT + torch.eye(size), target[0]
    x = torch.nn.Parameter(torch.zeros(size, dtype=torch.float64))
    optimizer = ConjugateGradients([x], line_searches=20 * size, tolerance=1e-9)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = x @ matrix @ x / 2 - vector @ x
        loss.backward()
        return loss

    assert optimizer.step(closure) == 0
    torch.testing.assert_close(x.detach(), torch.linalg.solve(matrix, vector), rtol=0, atol=1e-7)


@pytest.mark.parametrize(
    "chosen",
    [
        ("optimizer=lbfgs", "optimizer.max_iter=100"),
        ("optimizer=cg", "optimizer.line_searches=300"),
    ],
)
def test_a_linear_autoencoder_reaches_pca(chosen: tuple[str, ...], compose: Composer, tmp_path: Any) -> None:
    config = compose("sweep=s", *FULL_BATCH, *chosen)
    run(config, [])
    (path,) = (tmp_path / "s").iterdir()
    last = read_rows(path / "metrics.jsonl")[-1]["train/error"]
    train = build_data(config).examples("train").double()
    assert last == pytest.approx(pca_error(fit_pca(train), train, 2), rel=1e-6)


def test_a_search_sees_one_noise_for_each_batch(compose: Composer) -> None:
    config = compose("optimizer=lbfgs", "corruption=gaussian", "trainer.max_epochs=1")
    data = build_data(config)
    model = Fit([Member(config)], data, BestWeights()).model
    assert model.searching and model.automatic_optimization
    x = data.examples("train", limit=32)
    model.generator = torch.Generator().manual_seed(1)
    losses = []
    for _ in range(2):
        model.on_train_batch_start(x, 0)
        losses.append([model.training_step(x, 0).item() for _ in range(3)])  # type: ignore[union-attr]
    assert len(set(losses[0])) == len(set(losses[1])) == 1 and losses[0] != losses[1]
    assert len(model.step_means.counts) == 2, "an epoch's means count a batch once"


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (("optimizer=lbfgs", "trainer.gradient_clip_val=1"), "needs trainer.gradient_clip_val=null"),
        (("optimizer=lbfgs", "trainer=ddp_cpu"), "needs trainer.devices=1"),
        (("optimizer=lbfgs", "trainer.precision=bf16-mixed"), "needs 32-true or 64-true"),
        (("optimizer=cg", "scheduler=cosine"), "use scheduler=none"),
        (("optimizer=cg", "trainer.steps_per_execution=4"), "optimizer that does not search"),
    ],
)
def test_what_breaks_a_search_is_refused(overrides: tuple[str, ...], told: str, compose: Callable[..., Any]) -> None:
    config = compose(*overrides)
    data = build_data(compose())
    with pytest.raises(UserError, match=told):
        joined_steps(config, data)
