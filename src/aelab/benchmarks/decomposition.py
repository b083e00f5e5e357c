"""The streaming decomposition of 10,000 test images of 784 values, over the forward passes alone."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from aelab.benchmarks import ours
from aelab.benchmarks.timing import Case, Row, cpu_seconds, measure, once
from aelab.building.build import build_model
from aelab.data.module import DataModule
from aelab.models import Autoencoder
from aelab.replicas.measuring import measure as decompose
from aelab.replicas.measuring import predictions
from aelab.replicas.stacking import stack

COUNTS = (4, 16, 50)
EXAMPLES = 10_000
FORWARD = "forward passes alone"
STREAMED = "streaming decomposition"
PEAK = Path("/proc/self/clear_refs")


def benchmark(rounds: int) -> list[Row]:
    x = torch.rand(EXAMPLES, 784, generator=torch.Generator().manual_seed(0))
    rows = []
    for stacked in (False, True):
        models = replicas(16, stacked)
        cases = [
            Case(FORWARD, partial(timed, forward, models, x)),
            Case(STREAMED, partial(timed, stream, models, x), (FORWARD,)),
        ]
        form = "one stack" if stacked else "lone models"
        rows += measure(f"K = 16, 784-256-64, 10,000 examples, {form}", cases, rounds)
    return rows + ([memory(count) for count in COUNTS] if PEAK.exists() else [])


def timed(work: Callable[[list[Autoencoder], Tensor], None], models: list[Autoencoder], x: Tensor) -> float:
    return cpu_seconds(lambda: work(models, x))


def replicas(count: int, stacked: bool = False) -> list[Autoencoder]:
    config = ours.compose("network.hidden=[256]", "network.code_size=64")
    models = []
    for seed in range(count):
        config.seed = seed
        models.append(build_model(config, (1, 28, 28), torch.zeros(1, 784)).eval())
    return [stack(models)] if stacked else models


def batches(x: Tensor) -> Iterator[Tensor]:
    return iter(x.split(DataModule.evaluation_batch_size))


def forward(models: list[Autoencoder], x: Tensor) -> None:
    for batch in batches(x):
        predictions(models, batch)


def stream(models: list[Autoencoder], x: Tensor) -> None:
    count = len(models) if len(models) > 1 else 16
    decompose(partial(predictions, models), models[0].error, batches(x), [True] * count, [range(count)], [None])


def memory(count: int) -> Row:
    """How much a process of its own grows at its peak, models and test images not counted; Linux only."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        seconds, peak = pool.submit(grown, count).result()
    return once(f"memory, 784-256-64, 10,000 examples: {STREAMED}, K = {count}", seconds, peak)


def grown(count: int) -> tuple[float, float]:
    """CPU seconds of a decomposition, and the MB it takes at its peak."""
    torch.set_num_threads(1)
    models = replicas(count)
    x = torch.rand(EXAMPLES, 784)
    stream(models, x[:2])
    PEAK.write_text("5")  # the peak starts again from what is in use
    before = peak_kb()
    seconds = timed(stream, models, x)
    return seconds, (peak_kb() - before) / 1024


def peak_kb() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])
