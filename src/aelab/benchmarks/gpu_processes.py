"""Whole commands on a device, each in processes of its own: several devices, and a sweep packed and plain."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

from aelab.benchmarks.gpu_clock import Row, in_turn, memory_of_others, spread

NET = ("data=digits", "network.hidden=[32]", "network.code_size=8", "data.batch_size=32", "logger=none",
       "callbacks.pictures_every=0")  # fmt: skip
LONGEST = 200  # seconds until a command counts as hanging
SWEEP = "a sweep of seeds"
STRATEGY = "several devices"


def strategies(device: str, dry: bool) -> Iterator[Row]:
    """One run by each strategy: seconds, imports included, and its test error beside that of the first."""
    epochs = "trainer.max_epochs=1" if dry else "trainer.max_epochs=5"
    if device == "cuda":
        devices = torch.cuda.device_count()
        ways: dict[str, tuple[str, ...]] = {
            "gpu": ("trainer=gpu",),
            "ddp, 1 device": ("trainer=ddp", "trainer.devices=1"),
        }
        several: dict[str, tuple[str, ...]] = {"ddp": ("trainer=ddp",), "fsdp": ("trainer=fsdp",)}
    else:
        devices = 2
        ways = {"cpu": ("trainer=cpu",)}
        several = {"ddp": ("trainer=ddp_cpu",)}
        yield {"group": STRATEGY, "way": "fsdp", "left_out": "needs two GPUs"}
    for name, overrides in several.items():
        if devices > 1:
            ways[f"{name}, {devices} devices"] = (*overrides, f"trainer.devices={devices}")
        else:
            yield {"group": STRATEGY, "way": name, "left_out": "needs two GPUs, and there is one"}
    reference = None
    for name, overrides in ways.items():
        row: Row = {"group": STRATEGY, "way": name}
        with memory_of_others(device, row):
            seconds, errors = _command(*overrides, epochs)
        reference = errors[0] if reference is None else reference
        yield row | {"seconds": spread([seconds]), "test_error": errors[0], "ratio": errors[0] / reference}


def sweeps(device: str, dry: bool, rounds: int) -> Iterator[Row]:
    """The same runs packed into stacks and one after the other: seconds, imports and comparison included."""
    runs = 2 if dry else 16
    place = "gpu" if device == "cuda" else "cpu"
    common = (f"trainer={place}", f"trainer.max_epochs={1 if dry else 10}", f"seed=range({runs})")
    rows: dict[str, Row] = {name: {} for name in ("stacked", "workers")}
    errors: dict[str, list[float]] = {}

    def run(name: str) -> float:
        with memory_of_others(device, rows[name]):
            seconds, errors[name] = _command(f"hydra/launcher={name}", *common, flags=("-m",))
        return seconds

    seconds = in_turn({"stacked": lambda: run("stacked"), "workers": lambda: run("workers")}, rounds)
    apart = max(abs(a - b) / b for a, b in zip(errors["stacked"], errors["workers"], strict=True))
    for name, row in rows.items():
        pairs = zip(seconds[name], seconds["workers"], strict=True)
        yield {
            "group": SWEEP, "way": f"hydra/launcher={name}", "runs": runs, **row, "seconds": spread(seconds[name]),
            "ratio": spread([own / other for own, other in pairs]), "largest_difference_of_errors": apart,
        }  # fmt: skip


def _command(*arguments: str, flags: tuple[str, ...] = ()) -> tuple[float, list[float]]:
    """Seconds of ``train``, and the test errors of its runs by seed. Raises RuntimeError with what it said last."""
    import time

    with tempfile.TemporaryDirectory() as folder:
        line = [sys.executable, "-m", "aelab", "train", *flags, *NET, *arguments, f"paths.outputs='{folder}'"]
        began = time.perf_counter()
        done = subprocess.run(line, capture_output=True, text=True, cwd=folder, timeout=LONGEST)
        seconds = time.perf_counter() - began
        if done.returncode:
            last = " ".join(done.stderr.strip().splitlines()[-3:])
            raise RuntimeError(f"{' '.join(line[1:])} ended with {done.returncode}: {last}")
        manifests = [json.loads(path.read_text()) for path in Path(folder).rglob("manifest.json")]
    runs = [each for each in manifests if "test/error" in each.get("metrics", {})]
    if not runs:
        raise RuntimeError(f"{' '.join(line[1:])} left no finished run")
    return seconds, [each["metrics"]["test/error"] for each in sorted(runs, key=lambda each: each["config"]["seed"])]
