"""``compare --watch``: the status of a sweep until nothing of it runs."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from aelab.comparison.runs import find_manifests
from aelab.comparison.status import print_status
from aelab.runs.manifest import read_manifest, state

EVERY_S = 3.0


def watch(directories: Sequence[Path], every: float = EVERY_S) -> int:
    """Draw it anew on a terminal; elsewhere a line whenever something has changed, and the status at the end."""
    drawn = sys.stdout.isatty()
    before: Counter[str] | None = None
    try:
        while True:
            counts = _counts(directories)
            if drawn:
                print("\x1b[H\x1b[2J", end="")
                print_status(directories)
            elif counts != before:
                print(", ".join(f"{number} {name}" for name, number in sorted(counts.items())) or "no runs", flush=True)
            if not counts["running"]:
                if not drawn:
                    print_status(directories)
                return 0
            before = counts
            time.sleep(every)
    except KeyboardInterrupt:
        return 0


def _counts(directories: Sequence[Path]) -> Counter[str]:
    found = (path.parent for top in directories for path in find_manifests(top))
    return Counter(state(directory, read_manifest(directory) or {}) for directory in found)
