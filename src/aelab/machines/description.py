"""What a run was computed on, in words."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def describe_machine(accelerator: str = "cpu") -> dict[str, str | int | None]:
    """Model of the processor, how many cores this process may use, and the GPU where one does the work."""
    return {"processor": _processor(), "cores": _cores(), "gpu": None if accelerator == "cpu" else _gpu()}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _gpu() -> str | None:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else None
