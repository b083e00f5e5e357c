"""A sign of life in a run's directory, for file systems on which a lock keeps nobody out."""

from __future__ import annotations

import json
import os
import platform
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from aelab.machines.atomic_files import write_whole
from aelab.machines.regular_files import read_inside

FILE = ".heartbeat"
LIMIT = 4096  # bytes
BEAT_S = 5.0
"""Seconds between two signs of life."""


class Heartbeat:
    """``.heartbeat`` in a run's directory: who is at it (machine, process) and since when, renewed every 5 seconds.

    A context: within it a thread renews the file; behind it the file is gone. ``stolen``: who wrote there instead of
    this process, empty where nobody did. No clocks of two machines are compared: a process of another machine is alive
    if its file changes while one looks.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / FILE
        self.stolen = ""
        self._own = {"machine": _machine(), "host": platform.node(), "process": os.getpid(), "began": _began("self")}
        self._beats = 0
        self._ended = threading.Event()

    def __enter__(self) -> Heartbeat:
        self._beat()
        self._thread = threading.Thread(target=self._renew, name="heartbeat", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        if self._is_own(self._read()):
            self.path.unlink(missing_ok=True)

    def _renew(self) -> None:
        while not self._ended.wait(BEAT_S):
            found = self._read()
            if found and not self._is_own(found):
                self.stolen = _named(found)
                return
            if self.path.parent.is_dir():  # else the run was removed under this process, which need not undo that
                with suppress(OSError):  # a full disk; the run itself will say so
                    self._beat()

    def _beat(self) -> None:
        self._beats += 1
        write_whole(self.path, json.dumps(self._own | {"beat": self._beats, "time": time.time()}) + "\n")

    def heard(self) -> str:
        """The other process that is at the run, empty where there is none; of another machine's it takes seconds."""
        found = self._read()
        if not found or self._is_own(found):
            return ""
        if found.get("machine") == self._own["machine"]:
            return _named(found) if _lives(found) else ""
        deadline = time.monotonic() + 2.5 * BEAT_S
        while time.monotonic() < deadline:
            time.sleep(0.2)
            later = self._read()
            if not later:
                return ""
            if later != found:
                return _named(later)
        return ""

    def seems_alive(self) -> bool:
        """Whether a process is at the run, as far as one look tells."""
        found = self._read()
        if not found:
            return False
        if found.get("machine") == self._own["machine"]:
            return _lives(found)
        try:
            return time.time() - self.path.stat().st_mtime < 12 * BEAT_S
        except OSError:
            return False

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads(read_inside(self.path.parent, FILE, limit=LIMIT))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _is_own(self, found: dict[str, Any]) -> bool:
        return all(found.get(key) == value for key, value in self._own.items())


def _named(found: dict[str, Any]) -> str:
    return f"process {found.get('process')} on {found.get('host')}"


def _lives(found: dict[str, Any]) -> bool:
    """Whether a process of this machine is still there, and no other has got its number."""
    process = found.get("process")
    if not isinstance(process, int) or process <= 0:
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass  # somebody else's process
    return _began(str(process)) == found.get("began")


def _began(process: str) -> str:
    """When a process began, as the kernel counts; empty where it does not tell."""
    try:
        stat = Path("/proc", process, "stat").read_text()
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]


def _machine() -> str:
    """One boot of one machine and, of containers, one room of process numbers."""
    words = [platform.node()]
    for path, read in (("/proc/sys/kernel/random/boot_id", _text), ("/proc/self/ns/pid", os.readlink)):
        try:
            words.append(read(path).strip())
        except OSError:
            continue
    return " ".join(words)


def _text(path: str) -> str:
    return Path(path).read_text()
