"""Whole sweeps, imports included, beside what else trains as many models: CPU seconds of processes of their own."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aelab.benchmarks import ours
from aelab.benchmarks.bare import train_case
from aelab.benchmarks.timing import Case, Row, cpu_seconds, measure
from aelab.benchmarks.usual import peers
from aelab.building.build import build_data

ROUNDS = 2
BATCH = 16
HIDDEN = 64
STACK = 32
NET = ("data=digits", f"network.hidden=[{HIDDEN}]", f"data.batch_size={BATCH}")
ARITHMETIC = "a bare stack's arithmetic"


class Sweep(NamedTuple):
    """Overrides of a sweep that trains so many ``models`` for so many ``epochs`` each."""

    name: str
    overrides: tuple[str, ...]
    models: int
    epochs: int


VARIANTS = "model=undercomplete,denoising,sparse_l1,contractive"
REPLICAS = ("replicas=bootstrap", "trainer.max_epochs=12")
SWEEPS = (
    Sweep("4 code sizes x 8 replicas", ("network.code_size=2,4,8,16", *REPLICAS, "replicas.count=8"), 32, 12),
    Sweep(
        "4 variants x 6 code sizes x 16 replicas",
        (VARIANTS, "network.code_size=2,4,8,16,24,32", *REPLICAS, "replicas.count=16"),
        384,
        12,
    ),
    Sweep("64 seeds", ("network.code_size=16", "seed=range(64)", "trainer.max_epochs=20"), 64, 20),
)


def benchmark(rounds: int) -> list[Row]:
    x = build_data(ours.compose(*NET)).examples("train")
    rows = []
    for sweep in SWEEPS:
        steps = -(-len(x) // BATCH) * sweep.epochs
        scaled = partial(_scaled, steps * sweep.models)
        sizes = (x.shape[1], HIDDEN, 16)
        cases = [
            Case(ARITHMETIC, scaled(stack_case(x, sizes))),
            Case("ours", partial(command, *sweep.overrides, "logger=none"), (ARITHMETIC,)),
            Case("ours, W&B offline", partial(command, *sweep.overrides, "logger.mode=offline"), (ARITHMETIC,)),
            Case(
                "ours, each run by itself",
                partial(command, *sweep.overrides, "logger=none", "hydra/launcher=workers"),
                (ARITHMETIC,),
            ),
            Case("bare loop, fused Adam", scaled(train_case(x, sizes, BATCH, 2)), (ARITHMETIC,)),
            *(case._replace(run=scaled(case.run)) for case in peers(x, sizes, BATCH, 2, ARITHMETIC)),
        ]
        rows += measure(sweep.name, cases, min(rounds, ROUNDS))
    return rows


def command(*arguments: str) -> float:
    """CPU seconds of ``train -m`` and all its processes."""
    with tempfile.TemporaryDirectory() as folder:
        line = [sys.executable, "-m", "aelab", "-m", *NET, *arguments, f"paths.outputs='{folder}'"]
        before = _of_children()
        done = subprocess.run(line, capture_output=True, text=True, cwd=folder)
        if done.returncode:
            raise RuntimeError(f"{' '.join(line)} ended with {done.returncode}: {done.stderr}")
        return _of_children() - before


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def stack_case(x: Tensor, sizes: tuple[int, ...]) -> Callable[[], float]:
    """Seconds a step and model of as many models in one stack, nothing around them."""
    widths = [*sizes, *sizes[-2::-1]]

    def run() -> float:
        weights = [nn.Parameter(torch.randn(STACK, before, after) / before**0.5) for before, after in pairwise(widths)]
        biases = [nn.Parameter(torch.zeros(STACK, 1, after)) for after in widths[1:]]
        optimizer = torch.optim.Adam([*weights, *biases], fused=True)
        rows = torch.stack([torch.randperm(len(x)) for _ in range(STACK)]).split(BATCH, 1)

        def loop() -> None:
            for chosen in rows:
                batch = x[chosen]
                out = batch
                for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
                    out = torch.baddbmm(bias, out, weight)
                    out = out.relu() if layer in (0, 2) else out
                optimizer.zero_grad()
                F.mse_loss(out, batch, reduction="none").sum(-1).mean(-1).sum().backward()
                optimizer.step()

        return cpu_seconds(loop, 4) / len(rows) / STACK

    return run


def _scaled(times: float, run: Callable[[], float]) -> Callable[[], float]:
    """What a step takes, as what all of them take."""
    return lambda: times * run()
