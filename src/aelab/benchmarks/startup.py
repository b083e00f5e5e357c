"""Commands from start to end: wall time of processes of their own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec

from aelab.benchmarks import ours
from aelab.benchmarks.timing import Case, Row, measure
from aelab.building.build import build_data

ROUNDS = 3
ONE_JOB = "one job, 2 epochs"
JOB = ("data=digits", "network.hidden=[16]", "network.code_size=4", "trainer.max_epochs=2", "logger=none")
EIGHT = ("seed=range(8)",)
LAUNCHERS = {"parallel": "hydra_plugins.aelab_workers", "slurm_local": "hydra_plugins.hydra_submitit_launcher"}


def benchmark(rounds: int) -> list[Row]:
    rounds = min(rounds, ROUNDS)
    cases = [
        Case("--help", partial(command, "--help")),
        Case("--cfg job", partial(command, "--cfg", "job")),
        Case("a wrong key", partial(command, "modle.weight=1", status=1)),
        Case(ONE_JOB, partial(command, *JOB)),
        Case("the same in a multirun of 8", partial(command, "-m", *JOB, *EIGHT), (ONE_JOB,)),
        *launched(),
        Case("reading mnist5k", reading(ours.compose("data=mnist5k"))),
    ]
    return measure("wall time", cases, rounds)


def command(*arguments: str, status: int = 0) -> float:
    with tempfile.TemporaryDirectory() as folder:
        line = [sys.executable, "-m", "aelab", *arguments]
        if "data=digits" in arguments:
            line.append(f"paths.outputs='{folder}'")
        began = time.perf_counter()
        done = subprocess.run(line, capture_output=True, text=True, cwd=folder)
        elapsed = time.perf_counter() - began
    if done.returncode != status:
        raise RuntimeError(f"{' '.join(line)} ended with {done.returncode}: {done.stderr}")
    return elapsed


def launched() -> list[Case]:
    """The same by each launcher that is installed."""
    names = [name for name, module in LAUNCHERS.items() if find_spec(module)]
    lines = {name: ("-m", *JOB, *EIGHT, f"hydra/launcher={name}") for name in names}
    return [Case(f"the same with hydra/launcher={name}", partial(command, *lines[name]), (ONE_JOB,)) for name in names]


def reading(config: ours.DictConfig) -> Callable[[], float]:
    def run() -> float:
        began = time.perf_counter()
        build_data(config)
        return time.perf_counter() - began

    return run
