"""Seconds and bytes of a device: nothing is read before the device has done what it was given."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

from aelab.benchmarks.timing import silenced

MB = 2**20
POLL = 0.05  # seconds between looks at the memory of other processes' work
Row = dict[str, Any]


def now(device: str) -> float:
    """The time when the device is done."""
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


class EpochClock(Callback):
    """The time at each start of an epoch, and at the end of the training, when the device is done."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.marks: list[float] = []

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.marks.append(now(self.device))

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.marks.append(now(self.device))

    def seconds_per_step(self, steps: int) -> float:
        """Mean over all epochs but the first, of ``steps`` optimiser steps each."""
        return (self.marks[-1] - self.marks[1]) / (len(self.marks) - 2) / steps


def in_turn(cases: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each case in each round, after one warm-up; a round begins with another case each time."""
    names = list(cases)
    found: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds + 1):
        first = number % len(names)
        for name in (*names[first:], *names[:first]):
            with silenced():
                seconds = cases[name]()
            if number:
                found[name].append(seconds)
    return found


def spread(values: Sequence[float]) -> Row:
    """The median with the lowest and the highest of the rounds."""
    return {"median": statistics.median(values), "low": min(values), "high": max(values), "rounds": len(values)}


@contextmanager
def peak_memory(device: str, found: Row) -> Iterator[None]:
    """Adds ``peak_mb``: the most this process's tensors took of the device meanwhile; None on a CPU."""
    if device != "cuda":
        yield
        found["peak_mb"] = None
        return
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()  # by cases that stand ready beside this one
    yield
    torch.cuda.synchronize()
    found["peak_mb"] = (torch.cuda.max_memory_allocated() - before) / MB


@contextmanager
def memory_of_others(device: str, found: Row) -> Iterator[None]:
    """Adds ``peak_mb``: by how much the device's free memory fell at most meanwhile, other processes' contexts and
    caches included; None on a CPU."""
    found["peak_mb"] = None
    if device != "cuda":
        yield
        return
    done = threading.Event()
    before = torch.cuda.mem_get_info()[0]
    lowest = [before]

    def look() -> None:
        while not done.wait(POLL):
            lowest[0] = min(lowest[0], torch.cuda.mem_get_info()[0])

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
        found["peak_mb"] = (before - lowest[0]) / MB
