"""manifest.json, the truth about a run, and the lock that lets one process at a time own its directory."""

from __future__ import annotations

import fcntl
import json
import os
import platform
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import IO, Any

from aelab.errors import UserError
from aelab.machines.regular_files import open_inside
from aelab.runs.record import FILE, read_record
from aelab.tracking.atomic import write_whole
from aelab.tracking.containment import check_contained
from aelab.tracking.machine import describe_machine

LOCK = ".lock"
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


class Held(UserError):
    """Another process is at this run."""


@contextmanager
def claim(directory: Path, wait: bool = False) -> Iterator[None]:
    """Own a run's directory; the kernel gives the claim back when its owner dies, however it dies.

    Raises Held where another process has it, unless ``wait``; UserError where something in it leads out of it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    check_contained(directory)
    with (directory / LOCK).open("a+") as lock:
        if not _locked(lock, wait):
            lock.seek(0)
            owner = lock.read().strip() or "another process"
            raise Held(f"{directory}: held by {owner}, which is running it now")
        lock.truncate(0)
        lock.write(f"process {os.getpid()} on {platform.node()}")
        lock.flush()
        yield


def _locked(lock: IO[str], wait: bool) -> bool:
    for pause in (0.02, 0.02, 0.02, None):  # whoever only asks whether it is held has it for an instant
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            return True
        except BlockingIOError:
            if pause:
                time.sleep(pause)
    return False


def is_held(directory: Path) -> bool:
    """Whether a process, here or on another machine that shares the file system, is at this run."""
    try:
        with open_inside(directory, LOCK) as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


def state(directory: Path, manifest: dict[str, Any]) -> str:
    """``running``, ``complete``, ``failed``, ``interrupted``; ``died`` where a process left without a word."""
    status = str(manifest.get("status") or "unknown")
    return "died" if status == "running" and not is_held(directory) else status


def leave(directory: Path) -> None:
    """Note that a sweep wanted this run and left it to the process that is at it."""
    (directory / LEFT).touch()


class Manifest:
    """The record of one run, on disk from its first second and rewritten at every change of state."""

    def __init__(self, directory: Path, run_id: str, config: dict[str, Any], overrides: list[str]) -> None:
        before = read_manifest(directory) or {}
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
            "timings": {"started": now(), "attempts": before.get("timings", {}).get("attempts", 0) + 1},
            "error": None,
        }
        self.write()

    def update(self, **values: Any) -> None:
        """Change entries; ``timings`` are added to those there."""
        self.record["timings"].update(values.pop("timings", {}))
        self.record.update(values)
        self.write()

    def close(self, status: str, **values: Any) -> None:
        """Set the final status and the time it took."""
        took = {"finished": now(), "total_s": round(time.monotonic() - self.began, 3)}
        self.update(status=status, timings=took, **values)

    def write(self) -> None:
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
