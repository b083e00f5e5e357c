"""How often the intervals of nested plans, of partitions, of trained autoencoders and of pairs hold the truth."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor

from aelab.comparison.paired import difference
from aelab.fitting.contributions import of_replicas
from aelab.replicas import Decomposition, decompose
from aelab.replicas.measuring import averaged

EXPERIMENTS = 400
EXAMPLES = 200
PARTS = ("error", "bias2", "variance")


def held(found: Mapping[str, list[bool]], cell: str) -> None:
    """At least 92 % of every quantity's intervals hold the truth."""
    shares = {name: np.mean(each) for name, each in found.items()}
    print(cell, {name: f"{share:.1%}" for name, share in shares.items()})
    assert min(shares.values()) >= 0.92


def note(found: dict[str, list[bool]], name: str, ends: tuple[float, float], truth: float) -> None:
    found.setdefault(name, []).append(ends[0] <= truth <= ends[1])


# --- nested plans ---


@pytest.mark.slow
@pytest.mark.parametrize("common", [0.0, 1.0])
@pytest.mark.parametrize("data_sets, initializations", [(5, 3), (10, 2)])
def test_nested_plans(data_sets: int, initializations: int, common: float) -> None:
    """0.8 x plus random linear maps: variance 0.3 of the data, 0.7 of the seed, a share ``common`` to all examples."""
    draw, size = np.random.default_rng(10 * data_sets + int(common)), 12
    bias2 = 0.04 * size
    truth = {"variance_data": 0.3, "variance_init": 0.7, "variance": 1.0, "bias2": bias2, "error": bias2 + 1}

    def effects(count: int, variance: float) -> tuple[np.ndarray, np.ndarray]:
        maps = draw.normal(size=(count, size, size)) * np.sqrt(variance * (1 - common)) / size
        return maps, draw.normal(size=(count, size)) * np.sqrt(variance * common / size)

    groups = [s for s in range(data_sets) for _ in range(initializations)]
    found: dict[str, list[bool]] = {}
    for _ in range(EXPERIMENTS):
        x = draw.normal(size=(EXAMPLES, size))
        of_data, of_seed = effects(data_sets, 0.3), effects(len(groups), 0.7)
        maps, shifts = (np.repeat(a, initializations, 0) + b for a, b in zip(of_data, of_seed, strict=True))
        predictions = 0.8 * x + np.einsum("kij,nj->kni", maps, x) + shifts[:, None]
        result = decompose(torch.from_numpy(predictions), torch.from_numpy(x), groups=groups)
        for name, true in truth.items():
            note(found, name, result.interval(name), true)
    held(found, f"nested, {data_sets} x {initializations}, common {common:g}")


# --- partitions ---


@pytest.mark.slow
@pytest.mark.parametrize("partitions", [2, 3, 5])
def test_partitions(partitions: int) -> None:
    """Least-squares denoisers of five disjoint parts of one pool; the truth is over its partitions and all inputs."""
    draw, size, parts, rows = np.random.default_rng(partitions), 6, 5, 30
    x = draw.normal(size=(parts * rows, size)) * np.geomspace(2, 0.3, size)
    noisy = x + draw.normal(size=x.shape)
    spread = np.geomspace(4, 0.09, size)

    def fitted() -> np.ndarray:
        order = draw.permutation(len(x)).reshape(parts, rows)
        return np.stack([np.linalg.lstsq(noisy[some], x[some], rcond=None)[0].T for some in order])

    truths = []
    for _ in range(4000):
        maps = fitted()
        residual, mean = (np.eye(size) - maps) * np.sqrt(spread), (np.eye(size) - maps.mean(0)) * np.sqrt(spread)
        error, naive = np.square(residual).sum((1, 2)).mean(), np.square(mean).sum()
        variance = (error - naive) * parts / (parts - 1)
        truths.append((error, error - variance, variance))
    truth = dict(zip(PARTS, np.mean(truths, axis=0), strict=True))
    found: dict[str, list[bool]] = {}
    for _ in range(EXPERIMENTS):
        tested = draw.normal(size=(EXAMPLES, size)) * np.sqrt(spread)
        results = [
            decompose(torch.from_numpy(np.einsum("kij,nj->kni", fitted(), tested)), torch.from_numpy(tested))
            for _ in range(partitions)
        ]
        metrics = averaged(results)
        for name, true in truth.items():
            note(found, name, (metrics[f"test/{name}_low"], metrics[f"test/{name}_high"]), true)
    held(found, f"{partitions} partitions")


# --- trained autoencoders ---


@cache
def trained(kind: str) -> tuple[Tensor, Tensor]:
    """Predictions ``[300, N, D]`` of autoencoders trained on samples of their own, and what they should have been."""
    draw = torch.Generator().manual_seed(0)
    count = 300
    if kind == "subspace":
        basis = torch.linalg.qr(torch.randn(20, 8, generator=draw)).Q

        def sample(*shape: int, noise: float) -> Tensor:
            signal = 2 * torch.randn(*shape, 8, generator=draw) @ basis.T
            return signal + noise * torch.randn(*shape, 20, generator=draw)

        x, test, code, weight = sample(count, 100, noise=1.0), sample(2000, noise=0.0), 5, 0.0
    else:
        from sklearn.datasets import load_digits

        digits = torch.tensor(load_digits().data / 16, dtype=torch.float32)
        pool, test = digits[torch.arange(len(digits)) % 5 > 0][:300], digits[::5]
        x, code, weight = pool[torch.randint(300, (count, 300), generator=draw)], 4, 0.1
    shapes = [(x.shape[2], 32), (32, code), (code, 32), (32, x.shape[2])]
    weights = [
        ((torch.rand(count, rows, columns, generator=draw) * 2 - 1) / fan**0.5).requires_grad_()
        for fan, columns in shapes
        for rows in (fan, 1)
    ]

    def forward(values: Tensor) -> tuple[Tensor, Tensor]:
        hidden = torch.baddbmm(weights[1], values, weights[0]).relu()
        encoded = torch.baddbmm(weights[3], hidden, weights[2])
        encoded = encoded.relu() if weight else encoded
        return torch.baddbmm(weights[7], torch.baddbmm(weights[5], encoded, weights[4]).relu(), weights[6]), encoded

    optimizer = torch.optim.Adam(weights, lr=3e-3, fused=True)
    for _ in range(40):
        order = torch.stack([torch.randperm(x.shape[1], generator=draw) for _ in range(count)])
        for start in range(0, x.shape[1], 20):
            batch = torch.gather(x, 1, order[:, start : start + 20, None].expand(-1, -1, x.shape[2]))
            output, encoded = forward(batch)
            loss = (output - batch).square().sum(-1).mean(-1) + weight * encoded.abs().sum(-1).mean(-1)
            optimizer.zero_grad()
            loss.sum().backward()
            optimizer.step()
    with torch.no_grad():
        outputs = torch.cat([forward(part.expand(count, -1, -1))[0] for part in test.split(200)], 1)
    return outputs.double(), test.double()


@pytest.mark.slow
@pytest.mark.parametrize("replicas", [5, 10, 20])
@pytest.mark.parametrize("kind", ["subspace", "sparse digits"])
def test_trained_autoencoders(kind: str, replicas: int) -> None:
    """The truth is that of all 300 on all test examples; of the sparse ones, some die."""
    outputs, test = trained(kind)
    truth = decompose(outputs, test)
    draw = np.random.default_rng(replicas)
    found: dict[str, list[bool]] = {}
    for _ in range(EXPERIMENTS):
        some = torch.from_numpy(draw.choice(len(outputs), replicas, replace=False))
        rows = torch.from_numpy(draw.choice(len(test), EXAMPLES, replace=True))
        result = decompose(outputs[some][:, rows], test[rows])
        for name in PARTS:
            note(found, name, result.interval(name), getattr(truth, name))
    held(found, f"{kind}, {replicas} replicas")


# --- pairs ---


def pair(kind: str, draw: np.random.Generator, rows: int, spread: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two settings' maps ``[D, D]`` of the same training rows: PCA of two code sizes, or two weight decays."""
    x = draw.normal(size=(rows, len(spread))) * np.sqrt(spread)
    if kind == "pca":
        axes = np.linalg.svd(x, full_matrices=False)[2]
        return axes[:4].T @ axes[:4], axes[:6].T @ axes[:6]
    noisy = x + draw.normal(size=x.shape)
    first, second = (
        np.linalg.solve(noisy.T @ noisy + decay * np.eye(len(spread)), noisy.T @ x).T for decay in (0.1, 30.0)
    )
    return first, second


@cache
def pairs(kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Two settings' maps of 3,000 training sets, ``[2, 3000, D, D]``, and the variances of inputs ``[D]``."""
    draw, spread = np.random.default_rng(3), np.geomspace(4, 0.1, 12)
    maps = [pair(kind, draw, 30, spread) for _ in range(3000)]
    return np.stack(maps, axis=1), spread


def exactly(maps: np.ndarray, spread: np.ndarray) -> dict[str, float]:
    """Error, bias2 and variance over all inputs and all maps."""
    eye, root = np.eye(len(spread)), np.sqrt(spread)
    error, naive = np.square((eye - maps) * root).sum((1, 2)).mean(), np.square((eye - maps.mean(0)) * root).sum()
    variance = (error - naive) * len(maps) / (len(maps) - 1)
    return {"error": error, "bias2": error - variance, "variance": variance}


@pytest.mark.slow
@pytest.mark.parametrize("replicas", [5, 10, 20])
@pytest.mark.parametrize("kind", ["pca", "ridge"])
def test_paired_differences(kind: str, replicas: int) -> None:
    maps, spread = pairs(kind)
    first, second = (exactly(each, spread) for each in maps)
    truth = {name: first[name] - second[name] for name in PARTS}
    draw = np.random.default_rng(replicas)
    found: dict[str, list[bool]] = {}
    for _ in range(EXPERIMENTS):
        some = draw.choice(maps.shape[1], replicas, replace=False)
        x = draw.normal(size=(EXAMPLES, len(spread))) * np.sqrt(spread)
        results: list[Decomposition] = [
            decompose(torch.from_numpy(np.einsum("kij,nj->kni", each[some], x)), torch.from_numpy(x)) for each in maps
        ]
        kept = [{"0": of_replicas([result], range(replicas))} for result in results]
        for name, true in truth.items():
            one = difference(kept[0], kept[1], name)
            assert one is not None
            note(found, name, (one.value - one.half(), one.value + one.half()), true)
    held(found, f"pairs, {kind}, {replicas} replicas")
