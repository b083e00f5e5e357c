"""One bar over a sweep: runs that have ended, and the epochs of those under way, which their directories tell."""

from __future__ import annotations

import time
from pathlib import Path

from aelab.machines.bar import Bar
from aelab.runs.history_file import read_rows
from aelab.runs.manifest import read_manifest

LOOK_S = 2.0  # between two looks at the directories
MOST = 200  # runs that are looked at


class SweepBar:
    """A context: the bar is there within. The bars of single runs stay silent beside it."""

    def __init__(self, directory: Path, total: int) -> None:
        self.directory = directory
        self.total = total
        self.done = 0
        self.part = 0.0
        self.began = time.time()
        self.looked = 0.0

    def __enter__(self) -> SweepBar:
        self.bar = Bar(self.directory.name, self.total)
        self.look()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def ended(self, count: int) -> None:
        self.done += count
        self.looked = 0.0

    def look(self) -> None:
        """Draw it anew where somebody sees it."""
        if not self.bar.draw:
            return
        if time.monotonic() - self.looked > LOOK_S:
            self.looked = time.monotonic()
            self.part = sum(map(self._part, list(self.directory.glob("*/metrics.jsonl"))[:MOST]))
        done = min(self.total, self.done + self.part)
        self.bar.show(done, f"{self.done} of {self.total} runs")

    def _part(self, history: Path) -> float:
        """How much of a run under way is done, by its epochs."""
        try:
            if history.stat().st_mtime < self.began:
                return 0.0
            manifest = read_manifest(history.parent) or {}
            if manifest.get("status") != "running":
                return 0.0
            return min(1.0, len(read_rows(history)) / manifest["config"]["trainer"]["max_epochs"])
        except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError):
            return 0.0
