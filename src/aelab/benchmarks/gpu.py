"""All that a GPU is asked, by one command: ``make benchmark-gpu`` writes docs/gpu.json and the page docs/gpu.md.

``--dry`` runs all of it on the CPU, small, to show that it runs: what it finds goes into a temporary file, since the
figures of a CPU are not those of a GPU.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import torch

from aelab.benchmarks import gpu_errors, gpu_processes, gpu_stacks
from aelab.benchmarks.gpu_clock import Row
from aelab.benchmarks.gpu_page import page
from aelab.machines.quiet import quiet

DOCS = Path("docs")
BUDGET = 500.0  # seconds after which nothing further is begun, so that all is done in 10 minutes
NO_GPU = "no GPU: torch.cuda.is_available() is false; --dry runs all of it on the CPU, small, and keeps no figures"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m aelab.benchmarks.gpu", description=__doc__)
    parser.add_argument("--dry", action="store_true", help="on the CPU, small; the result goes into a temporary file")
    parser.add_argument("--rounds", type=int, default=3, help="measured rounds after a warm-up (default 3)")
    chosen = parser.parse_args(arguments)
    if chosen.rounds < 1:
        parser.error(f"--rounds {chosen.rounds}: must be at least 1")
    if not chosen.dry and not torch.cuda.is_available():
        sys.exit(NO_GPU)
    quiet()
    found = measured("cpu" if chosen.dry else "cuda", chosen.dry, 1 if chosen.dry else chosen.rounds)
    folder = Path(tempfile.mkdtemp(prefix="aelab-gpu-dry-")) if chosen.dry else DOCS
    (folder / "gpu.json").write_text(json.dumps(found, indent=1) + "\n")
    (folder / "gpu.md").write_text(page(found))
    if chosen.dry:
        print("a dry run on the CPU: these are not the figures of a GPU")
    print(folder / "gpu.json")


def measured(device: str, dry: bool, rounds: int) -> dict[str, Any]:
    """Everything, in the order of what matters most, until the budget is spent; what failed says so in its place."""
    began = time.perf_counter()
    parts: dict[str, Callable[[], Iterable[Row]]] = {
        "errors": partial(gpu_errors.measured, device, dry),
        "strategies": partial(gpu_processes.strategies, device, dry),
        "sweeps": partial(gpu_processes.sweeps, device, dry, min(rounds, 2)),
        "stacks": partial(gpu_stacks.measured, device, dry, rounds),
    }
    found: dict[str, Any] = {"machine": machine(device), "dry": dry}
    for name, part in parts.items():
        print(name, flush=True)
        found[name] = list(_within_budget(part(), began))
    return found | {"seconds": time.perf_counter() - began}


def _within_budget(rows: Iterable[Row], began: float) -> Iterator[Row]:
    """The rows until one fails or the time is up, with the reason as the last one."""
    each = iter(rows)
    while True:
        if time.perf_counter() - began > BUDGET:
            yield {"left_out": f"what follows: {BUDGET:.0f} s were over"}
            return
        try:
            row = next(each)
        except StopIteration:
            return
        except (RuntimeError, ValueError, subprocess.TimeoutExpired) as error:  # the other parts are still worth having
            yield {"left_out": f"what follows failed: {type(error).__name__}: {error}"}
            return
        yield row


def machine(device: str) -> dict[str, Any]:
    """Where and when: the device's name and driver, versions, the day."""
    found: dict[str, Any] = {
        "device": platform.processor() or platform.machine(),
        "count": 1,
        "driver": None,
        "cuda": torch.version.cuda,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "date": datetime.now(UTC).date().isoformat(),
    }
    if device == "cuda":
        name = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        try:
            driver = subprocess.run(name, capture_output=True, text=True, check=True).stdout.split()[0]
        except (OSError, subprocess.CalledProcessError, IndexError):
            driver = "unknown"
        found |= {"device": torch.cuda.get_device_name(), "count": torch.cuda.device_count(), "driver": driver}
    return found


if __name__ == "__main__":
    main()
