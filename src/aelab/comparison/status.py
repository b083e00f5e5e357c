"""What is running, done and failed in a sweep, while it is under way."""

import os
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from aelab.comparison.runs import UNREADABLE, find_manifests, misread
from aelab.comparison.swept import flatten
from aelab.comparison.wording import ABSENT, count, duration, plain
from aelab.errors import UserError
from aelab.machines import terminal
from aelab.machines.regular_files import open_inside
from aelab.runs.containment import check_contained
from aelab.runs.manifest import state
from aelab.runs.record import read_record

BLOCK = 2**20

_ORDER = ("running", "failed", "died", "interrupted", "complete")


def print_status(directories: Iterable[Path]) -> None:
    """One line a run, those that are running first, and how many there are of each kind."""
    from rich.table import Table

    found = {os.path.realpath(path): path.parent for top in directories for path in find_manifests(top)}
    lines = sorted((_line(directory) for directory in found.values()), key=_rank)
    screen = terminal.console()
    drawn = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("run", "status", "epochs", "attempts", "for", "message"):
        drawn.add_column(heading, overflow="fold")
    for line in lines:
        style = {"complete": "", "running": "cyan"}.get(line[1], "red")
        drawn.add_row(*map(terminal.text, line), style=style)
    screen.print(drawn)
    states = Counter(line[1] for line in lines)
    several = ", ".join(f"{states.pop(name)} {name}" for name in (*_ORDER, *sorted(states)) if name in states)
    screen.print(terminal.text(f"{count(len(lines), 'run')}: {several}" if lines else "no runs here"))


def _rank(line: tuple[str, ...]) -> tuple[int, str]:
    return (_ORDER.index(line[1]) if line[1] in _ORDER else len(_ORDER), line[0])


def _line(directory: Path) -> tuple[str, ...]:
    try:
        check_contained(directory)
        manifest = read_record(directory)
    except (UserError, OSError) as problem:
        return (plain(directory.name), UNREADABLE, ABSENT, ABSENT, ABSENT, plain(misread(directory, problem), 90))
    timings = manifest.get("timings") or {}
    error = manifest.get("error")
    message = plain(str(error.get("message") or "") if isinstance(error, dict) else "", 90)
    now = state(directory, manifest)
    if now == "died":
        message = "its process ended without a word; the same command resumes it"
    return (
        plain(directory.name),
        plain(now, 40),
        _epochs(directory, manifest),
        plain(str(timings.get("attempts", ABSENT))),
        duration(_seconds(timings, now == "running")),
        message,
    )


def _epochs(directory: Path, manifest: dict[str, Any]) -> str:
    """Epochs done, of how many; of the latest fit where replicas are fitted in several."""
    files = [("metrics.jsonl",), *(path.parts[-3:] for path in directory.glob("replicas/*/metrics.jsonl"))]
    written: list[tuple[float, int]] = []
    for parts in files:
        with suppress(OSError), open_inside(directory, *parts) as file:
            rows = sum(block.count(b"\n") for block in iter(partial(file.read, BLOCK), b""))
            written.append((os.fstat(file.fileno()).st_mtime, rows))
    if not written:
        return "0"
    done = max(written)[1]
    most = flatten(manifest.get("config") or {}).get("trainer.max_epochs")
    return f"{done}/{most}" if isinstance(most, int) and most > 0 else str(done)


def _seconds(timings: dict[str, Any], running: bool) -> float | None:
    total = timings.get("total_s")
    if not running and total is not None:
        return float(total)
    try:
        started = datetime.fromisoformat(str(timings.get("started")))
    except ValueError:
        return None
    return max(0.0, (datetime.now(started.tzinfo) - started).total_seconds()) if running else None
