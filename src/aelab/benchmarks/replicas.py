"""K replicas in one stack against one by one; figures are per optimiser step and replica."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from aelab.benchmarks import bare, ours
from aelab.benchmarks.timing import Case, Row, cpu_seconds, measure
from aelab.benchmarks.training import pictures
from aelab.building import build_data
from aelab.replicated import STACKING_PAYS_BELOW, Replication
from aelab.training import run

COUNT = 16
TINY = ("data=digits", "network.hidden=[32]", "network.code_size=8", "data.batch_size=32")
CODE_SIZES = (1, 2, 4, 8, 16)
ALONE = "one by one"
# encoder, batch size, training examples, epochs that are timed: arithmetic from 0.9 to 670 MFLOP a step
MLPS = (
    ((64, 32, 8), 32, 1024, 10),
    ((64, 128, 16), 32, 1024, 8),
    ((64, 32, 8), 256, 1024, 20),
    ((784, 32, 8), 32, 1024, 4),
    ((784, 64, 16), 32, 1024, 3),
    ((784, 256, 64), 32, 512, 2),
    ((784, 256, 64), 256, 1024, 2),
)
CONVS = (("data=digits", (8,), 32, 512, 4), ("", (16, 32), 64, 256, 1))


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
            return cpu_seconds(lambda: [run(config, []) for config in configs], steps)

    cases = [
        Case(f"{COUNT} ordinary runs", lambda: runs(*((f"seed={seed}",) for seed in range(COUNT)))),
        Case("replicas=bootstrap, sequential", lambda: runs((*_plan(COUNT), "replicas.mode=sequential"))),
        Case("replicas=bootstrap, stacked", lambda: runs(_plan(COUNT)), (f"{COUNT} ordinary runs",)),
    ]
    return measure(f"whole runs, K = {COUNT}, 64-32-8, batch 32, 20 epochs", cases, rounds)


def _code_sizes(rounds: int) -> list[Row]:
    overrides = (*TINY, "trainer.max_epochs=11")
    alone = [ours.train_case(*overrides, f"network.code_size={size}") for size in CODE_SIZES]
    together = ours.train_case(*overrides, *_plan(4), f"replicas.vary={{network.code_size: {list(CODE_SIZES)}}}")
    cases = [
        Case(ALONE, lambda: sum(each() for each in alone) / len(alone)),
        Case("padded into one stack", _per_replica(together, 4 * len(CODE_SIZES)), (ALONE,)),
    ]
    return measure("code sizes 1, 2, 4, 8, 16 x 4 replicas, 64-32-c, batch 32", cases, rounds)


def _break_even(rounds: int) -> list[Row]:
    rows = []
    settings = [
        ("data=digits" if sizes[0] == 64 else pictures()[0], "mlp", sizes[1:-1], sizes[-1], batch, examples, epochs)
        for sizes, batch, examples, epochs in MLPS
    ]
    settings += [
        (data or pictures()[0], "conv", channels, 16, batch, examples, epochs)
        for data, channels, batch, examples, epochs in CONVS
    ]
    for data, network, hidden, code_size, batch, examples, epochs in settings:
        overrides = (
            data,
            f"network={network}",
            f"network.hidden={list(hidden)}",
            f"network.code_size={code_size}",
            f"data.batch_size={batch}",
            f"data.train_size={examples}",
            f"trainer.max_epochs={epochs + 1}",
        )
        flops = Replication(ours.compose(*overrides, *_plan(2)), Path()).flops_per_step()
        choice = "stacked" if flops < STACKING_PAYS_BELOW else "sequential"
        cases = [
            Case(ALONE, ours.train_case(*overrides)),
            Case("one stack", _per_replica(ours.train_case(*overrides, *_plan(COUNT)), COUNT), (ALONE,)),
        ]
        shape = "-".join(map(str, (64 if data == "data=digits" else 784, *hidden, code_size)))
        rows += measure(
            f"K = {COUNT}, {network} {shape}, batch {batch}, {flops / 1e6:.1f} MFLOP, auto: {choice}", cases, rounds
        )
    return rows


def _plan(count: int) -> tuple[str, ...]:
    return ("replicas=bootstrap", f"replicas.count={count}")


def _per_replica(train: Callable[[], float], count: int) -> Callable[[], float]:
    return lambda: train() / count
