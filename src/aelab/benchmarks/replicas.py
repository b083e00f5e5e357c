"""K replicas in one stack against one by one; figures are per optimiser step and replica."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from aelab.benchmarks import bare, ours
from aelab.benchmarks.timing import Case, Row, cpu_seconds, measure
from aelab.benchmarks.training import pictures
from aelab.building.build import build_data
from aelab.fitting.replication import Replication
from aelab.fitting.run import run
from aelab.replicas.chunking import STACKING_PAYS_BELOW

COUNT = 16
TINY = ("data=digits", "network.hidden=[32]", "network.code_size=8", "data.batch_size=32")
CODE_SIZES = (1, 2, 4, 8, 16)
ALONE = "one by one"


class Size(NamedTuple):
    """A network's inputs, hidden widths and code size, the batch size, and epochs of 32 steps that are timed."""

    network: str
    inputs: int
    hidden: tuple[int, ...]
    code_size: int
    batch: int
    epochs: int

    def overrides(self) -> tuple[str, ...]:
        return (
            *self.data(),
            f"network={self.network}",
            f"network.hidden={list(self.hidden)}",
            f"network.code_size={self.code_size}",
            f"data.batch_size={self.batch}",
            f"data.train_size={32 * self.batch}",
            f"trainer.max_epochs={self.epochs + 1}",
        )

    def data(self) -> tuple[str, ...]:
        if self.network == "conv":
            return ("data=digits",) if self.inputs == 64 else (pictures()[0],)
        return ("data=subspace", f"data.size={self.inputs}", f"data.train_examples={36 * self.batch}")

    def __str__(self) -> str:
        widths = "-".join(map(str, (self.inputs, *self.hidden, self.code_size)))
        return f"{self.network} {widths}, batch {self.batch}"


# arithmetic from 1 to 670 MFLOP a step
SIZES = (
    Size("mlp", 64, (32,), 8, 32, 10),
    Size("mlp", 64, (128,), 16, 32, 8),
    Size("mlp", 64, (32,), 8, 256, 5),
    Size("mlp", 784, (64,), 16, 32, 3),
    Size("mlp", 64, (128,), 16, 256, 2),
    Size("mlp", 784, (128,), 32, 32, 2),
    Size("mlp", 784, (64,), 16, 128, 2),
    Size("mlp", 784, (256,), 64, 32, 1),
    Size("mlp", 784, (256,), 64, 256, 1),
    Size("conv", 64, (8,), 16, 32, 4),
    Size("conv", 784, (16, 32), 16, 64, 1),
)


def benchmark(rounds: int) -> list[Row]:
    return [*_tiny(rounds), *_whole_runs(rounds), *_code_sizes(rounds), *_break_even(rounds)]


def _tiny(rounds: int) -> list[Row]:
    epochs = 20
    overrides = (*TINY, f"trainer.max_epochs={epochs + 1}")
    x = build_data(ours.compose(*overrides)).examples("train")
    cases = [
        Case("bare loop, fused Adam", bare.train_case(x, (64, 32, 8), 32, epochs)),
        Case("ours, one by one", ours.train_case(*overrides)),
        Case(
            "ours, one stack",
            _per_replica(ours.train_case(*overrides, *_plan(COUNT)), COUNT),
            ("bare loop, fused Adam", "ours, one by one"),
        ),
    ]
    return measure(f"K = {COUNT}, 64-32-8, batch 32", cases, rounds)


def _whole_runs(rounds: int) -> list[Row]:
    """From the config to the manifest: data, fit, validation, checkpoints, test, decomposition, pictures."""
    overrides = (*TINY, "trainer.max_epochs=20")
    steps = COUNT * 20 * -(-build_data(ours.compose(*overrides)).size("train") // 32)

    def runs(*variants: tuple[str, ...]) -> float:
        with tempfile.TemporaryDirectory() as folder:
            configs = [ours.compose(*overrides, *variant, f"paths.outputs='{folder}'") for variant in variants]
            return sum(cpu_seconds(partial(run, config, [])) for config in configs) / steps

    cases = [
        Case(f"{COUNT} ordinary runs", lambda: runs(*((f"seed={seed}",) for seed in range(COUNT)))),
        Case("replicas=bootstrap, sequential", lambda: runs((*_plan(COUNT), "replicas.mode=sequential"))),
        Case("replicas=bootstrap, stacked", lambda: runs(_plan(COUNT)), (f"{COUNT} ordinary runs",)),
    ]
    return measure(f"whole runs, K = {COUNT}, 64-32-8, batch 32, 20 epochs", cases, rounds)


def _code_sizes(rounds: int) -> list[Row]:
    overrides = (*TINY, "trainer.max_epochs=11")
    alone = [ours.train_case(*overrides, f"network.code_size={size}") for size in CODE_SIZES]
    together = ours.train_case(*overrides, *_plan(4), sizes=CODE_SIZES)
    cases = [
        Case(ALONE, lambda: sum(each() for each in alone) / len(alone)),
        Case("padded into one stack", _per_replica(together, 4 * len(CODE_SIZES)), (ALONE,)),
    ]
    return measure("code sizes 1, 2, 4, 8, 16 x 4 replicas, 64-32-c, batch 32", cases, rounds)


def _break_even(rounds: int) -> list[Row]:
    """Where stacking stops paying on this processor, beside what ``replicas.mode=auto`` chooses."""
    rows = []
    for size in SIZES:
        overrides = size.overrides()
        flops = Replication(ours.compose(*overrides, *_plan(2)), Path()).flops_per_step()
        choice = "stacked" if flops < STACKING_PAYS_BELOW else "sequential"
        cases = [Case(ALONE, ours.train_case(*overrides))]
        for count in (COUNT, 50) if size.network == "mlp" else (COUNT,):
            stacked = _per_replica(ours.train_case(*overrides, *_plan(count)), count)
            cases.append(Case(f"stack of {count}", stacked, (ALONE,)))
        rows += measure(f"{size}, {flops / 1e6:.1f} MFLOP, auto {choice}", cases, rounds)
    return rows


def _plan(count: int) -> tuple[str, ...]:
    return ("replicas=bootstrap", f"replicas.count={count}")


def _per_replica(train: Callable[[], float], count: int) -> Callable[[], float]:
    return lambda: train() / count
