"""How often intervals of bias2, variance and error hold the truth, where it is known."""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
import torch

from aelab.replicas import decompose
from aelab.replicas.uncertainty import jackknife

BANK = 3000  # models, whose average is the truth
EXPERIMENTS = 400
EXAMPLES = 200


class Models(NamedTuple):
    """Affine maps x -> A x + c, trained on samples of their own; inputs are normal with variances ``spread``."""

    spread: np.ndarray
    matrices: np.ndarray
    offsets: np.ndarray

    def truth(self) -> dict[str, float]:
        """Exact over inputs, and over the models of the bank."""
        eye = np.eye(len(self.spread))
        residual = (eye - self.matrices) * np.sqrt(self.spread)
        error = (np.square(residual).sum((1, 2)) + np.square(self.offsets).sum(1)).mean()
        mean = (eye - self.matrices.mean(0)) * np.sqrt(self.spread)
        naive = np.square(mean).sum() + np.square(self.offsets.mean(0)).sum()
        variance = (error - naive) * BANK / (BANK - 1)
        return {"error": error, "bias2": error - variance, "variance": variance}


@cache
def bank(kind: str) -> Models:
    draw = np.random.default_rng(7)
    values, rows = {"pca": (20, 40), "mean": (20, 10), "mean of one value": (1, 10), "denoiser": (10, 30)}[kind]
    spread = np.geomspace(4, 0.1, values)
    matrices, offsets = np.zeros((BANK, values, values)), np.zeros((BANK, values))
    for index in range(BANK):
        x = draw.normal(size=(rows, values)) * np.sqrt(spread)
        if kind == "pca":
            mean = x.mean(0)
            axes = np.linalg.svd(x - mean, full_matrices=False)[2][:4]
            matrices[index] = axes.T @ axes
            offsets[index] = mean - matrices[index] @ mean
        elif kind == "denoiser":
            matrices[index] = np.linalg.lstsq(x + draw.normal(size=x.shape), x, rcond=None)[0].T
        else:
            offsets[index] = x.mean(0)
    return Models(spread, matrices, offsets)


@pytest.mark.slow
@pytest.mark.parametrize("replicas", [5, 10, 20])
@pytest.mark.parametrize("kind", ["pca", "mean", "mean of one value", "denoiser"])
def test_intervals_cover_the_truth_in_92_of_100_experiments(kind: str, replicas: int) -> None:
    models, draw = bank(kind), np.random.default_rng(replicas)
    truth = models.truth()
    held = dict.fromkeys(truth, 0)
    for _ in range(EXPERIMENTS):
        some = draw.choice(BANK, replicas, replace=False)
        x = draw.normal(size=(EXAMPLES, len(models.spread))) * np.sqrt(models.spread)
        predictions = np.einsum("kij,nj->kni", models.matrices[some], x) + models.offsets[some][:, None]
        found = decompose(torch.from_numpy(predictions), torch.from_numpy(x))
        for name, true in truth.items():
            low, high = found.interval(name)
            held[name] += low <= true <= high
    print(kind, replicas, {name: f"{count / EXPERIMENTS:.1%}" for name, count in held.items()})
    assert min(held.values()) >= 0.92 * EXPERIMENTS


def problem(replicas: int) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(replicas)
    target = torch.randn(30, 4, generator=draw, dtype=torch.float64)
    return target + torch.randn(replicas, 30, 4, generator=draw, dtype=torch.float64), target


def test_the_variance_s_interval_is_that_of_its_logarithm() -> None:
    predictions, target = problem(6)
    found = decompose(predictions, target)
    without = [decompose(predictions[[k for k in range(6) if k != left]], target).variance for left in range(6)]
    spread = jackknife(torch.tensor(without, dtype=torch.float64).log())
    low, high = found.interval("variance")
    # .975 quantiles of t with 29 and 5 degrees of freedom, from a table
    half = math.hypot(2.0452 * found.variance_se_examples / found.variance, 2.5706 * spread)
    assert low == pytest.approx(found.variance * math.exp(-half), rel=1e-4) and low > 0
    assert math.sqrt(low * high) == pytest.approx(found.variance, rel=1e-12)
    assert found.metrics()["test/variance_low"] == low and found.metrics()["test/variance_high"] == high


def test_below_five_replicas_the_variance_s_interval_is_not_trusted() -> None:
    assert [decompose(*problem(count)).variance_interval_trusted for count in (3, 4, 5)] == [False, False, True]


def test_replicas_that_agree_have_an_interval_of_no_width() -> None:
    predictions, target = problem(5)
    found = decompose(predictions[:1].expand(5, -1, -1), target)
    assert found.interval("variance") == pytest.approx((0, 0), abs=1e-12)
