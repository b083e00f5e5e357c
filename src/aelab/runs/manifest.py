"""manifest.json, the truth about a run."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from aelab.errors import UserError
from aelab.machines.atomic_files import write_whole
from aelab.machines.description import describe_machine
from aelab.runs.claim import check_owned, is_held
from aelab.runs.record import FILE, read_record

LEFT = ".left"  # its time says when a sweep last left this run to another process
PACKAGES = ("aelab", "torch", "pytorch-lightning", "hydra-core", "numpy")


def now() -> str:
    """The present time, UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def read_manifest(directory: Path) -> dict[str, Any] | None:
    """The manifest of a run directory; None where there is none or it cannot be read."""
    try:
        return read_record(directory)
    except UserError:
        return None


def state(directory: Path, manifest: dict[str, Any]) -> str:
    """``running``, ``complete``, ``failed``, ``interrupted``; ``died`` where a process left without a word."""
    status = str(manifest.get("status") or "unknown")
    return "died" if status == "running" and not is_held(directory) else status


def this_process() -> str:
    """What names a process among all that share a file system."""
    return f"process {os.getpid()} on {platform.node()}"


def leave(directory: Path) -> None:
    """Note that a sweep wanted this run and left it to the process that is at it."""
    (directory / LEFT).touch()


def marks(directory: Path) -> list[tuple[int, int] | None]:
    """What changes in a run's directory when it is worked at, or left to another process; None for a missing file."""
    found: list[tuple[int, int] | None] = []
    for name in (FILE, LEFT):
        try:
            stat = (directory / name).stat()
            found.append((stat.st_ino, stat.st_mtime_ns))
        except OSError:
            found.append(None)
    return found


class Manifest:
    """The record of one run, on disk from its first second and rewritten at every change of state."""

    def __init__(self, directory: Path, run_id: str, config: dict[str, Any], overrides: list[str]) -> None:
        before = read_manifest(directory) or {}
        goes_on = before.get("status") == "running" and (before.get("stacked") or {}).get("by") == this_process()
        timings = before.get("timings", {})
        attempts = timings.get("attempts", 0) + (0 if goes_on else 1)
        self.path = directory / FILE
        self.began = time.monotonic()
        self.record: dict[str, Any] = {
            "status": "running",
            "run_id": run_id,
            "sweep": config.get("sweep"),
            "seed": config.get("seed"),
            "overrides": overrides,
            "config": config,
            "metrics": {},
            "versions": versions(),
            "git": git_state(),
            "machine": describe_machine((config.get("trainer") or {}).get("accelerator", "cpu")),
            "data": {},
            "timings": {"started": now(), "attempts": attempts},
            "error": None,
        }
        if goes_on:  # this process has just fitted it in a stack
            self.record |= {"stacked": before["stacked"]}
            self.record["timings"] |= {"started": timings["started"], "stack_s": timings.get("stack_s", 0.0)}
        self.write()

    def update(self, **values: Any) -> None:
        """Change entries; ``timings`` are added to those there."""
        self.record["timings"].update(values.pop("timings", {}))
        self.record.update(values)
        self.write()

    def close(self, status: str, **values: Any) -> None:
        """Set the final status and the time it took."""
        seconds = time.monotonic() - self.began + self.record["timings"].get("stack_s", 0.0)
        took = {"finished": now(), "total_s": round(seconds, 3)}
        self.update(status=status, timings=took, **values)

    def write(self) -> None:
        """Raises Lost where another process may be at the run by now."""
        check_owned(self.path)
        write_whole(self.path, json.dumps(self.record, indent=1, allow_nan=True) + "\n")


def versions() -> dict[str, str]:
    """Versions of what can change a result."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "unknown"
    return found


def git_state() -> dict[str, Any]:
    """Commit of the source tree and whether it had changes; None for both outside a git checkout."""
    command = ["git", "-C", str(Path(__file__).parent)]
    try:
        commit = subprocess.run([*command, "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10)
        status = subprocess.run([*command, "status", "--porcelain"], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return {"commit": None, "dirty": None}
    if commit.returncode:
        return {"commit": None, "dirty": None}
    return {"commit": commit.stdout.strip(), "dirty": bool(status.stdout.strip())}
