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
from aelab.comparison.time_left import of_run, of_sweep
from aelab.comparison.wording import ABSENT, count, duration, plain
from aelab.errors import UserError
from aelab.machines import terminal
from aelab.machines.regular_files import open_inside
from aelab.runs.containment import check_contained
from aelab.runs.manifest import state
from aelab.runs.record import read_record

BLOCK = 2**20
HEADINGS = ("run", "state", "epochs", "starts", "took", "left", "what went wrong")

_ORDER = ("running", "failed", "died", "interrupted", "complete")


def print_status(directories: Iterable[Path]) -> None:
    """One line a run, those that are running first, and how many there are of each kind."""
    from rich.table import Table

    directories = list(directories)
    found = {os.path.realpath(path): path.parent for top in directories for path in find_manifests(top)}
    records = {directory: _record(directory) for directory in found.values()}
    lines = sorted((_line(directory, *record) for directory, record in records.items()), key=_rank)
    screen = terminal.console()
    drawn = Table(box=None, header_style="bold", pad_edge=False)
    for heading in HEADINGS:
        drawn.add_column(heading, overflow="fold")
    for line in lines:
        style = {"complete": "", "running": "cyan"}.get(line[1], "red")
        drawn.add_row(*map(terminal.text, line), style=style)
    screen.print(drawn)
    states = Counter(line[1] for line in lines)
    several = ", ".join(f"{states.pop(name)} {name}" for name in (*_ORDER, *sorted(states)) if name in states)
    screen.print(terminal.text(f"{count(len(lines), 'run')}: {several}" if lines else "no runs here"))
    if any(line[1] == "running" for line in lines):
        for top in directories:
            inside = [manifest for directory, (manifest, _) in records.items() if directory.parent == top]
            for said in _of_sweep(top, inside):
                screen.print(terminal.text(said))


def _rank(line: tuple[str, ...]) -> tuple[int, str]:
    return (_ORDER.index(line[1]) if line[1] in _ORDER else len(_ORDER), line[0])


def _of_sweep(top: Path, manifests: list[dict[str, Any]]) -> list[str]:
    """A line for a folder that says how many runs its sweep has."""
    found = of_sweep(top, manifests)
    if found is None:
        return []
    total, seconds = found
    done = sum(manifest.get("status") == "complete" for manifest in manifests)
    left = "time left is known when the first is done" if seconds is None else f"about {duration(seconds)} left"
    return [f"{plain(top.name)}: {done} of {count(total, 'run')} complete, {left}"]


def _record(directory: Path) -> tuple[dict[str, Any], str]:
    """The manifest, or why it cannot be read."""
    try:
        check_contained(directory)
        return read_record(directory), ""
    except (UserError, OSError) as problem:
        return {}, misread(directory, problem)


def _line(directory: Path, manifest: dict[str, Any], unreadable: str) -> tuple[str, ...]:
    if unreadable:
        return (plain(directory.name), UNREADABLE, *[ABSENT] * (len(HEADINGS) - 3), plain(unreadable, 90))
    timings = manifest.get("timings") or {}
    error = manifest.get("error")
    message = plain(str(error.get("message") or "") if isinstance(error, dict) else "", 90)
    now = state(directory, manifest)
    if now == "died":
        message = "its process ended without a word; the same command resumes it"
    done = _epochs(directory)
    most = flatten(manifest.get("config") or {}).get("trainer.max_epochs")
    seconds = _seconds(timings, now == "running")
    left = of_run(seconds, done, most) if now == "running" else None
    return (
        plain(directory.name),
        plain(now, 40),
        f"{done}/{most}" if done and isinstance(most, int) and most > 0 else str(done),
        plain(str(timings.get("attempts", ABSENT))),
        duration(seconds),
        ABSENT if left is None else f"about {duration(left)}",
        message,
    )


def _epochs(directory: Path) -> int:
    """Epochs done; of the latest fit where replicas are fitted in several."""
    files = [("metrics.jsonl",), *(path.parts[-3:] for path in directory.glob("replicas/*/metrics.jsonl"))]
    written: list[tuple[float, int]] = []
    for parts in files:
        with suppress(OSError), open_inside(directory, *parts) as file:
            rows = sum(block.count(b"\n") for block in iter(partial(file.read, BLOCK), b""))
            written.append((os.fstat(file.fileno()).st_mtime, rows))
    return max(written)[1] if written else 0


def _seconds(timings: dict[str, Any], running: bool) -> float | None:
    total = timings.get("total_s")
    if not running and total is not None:
        return float(total)
    try:
        started = datetime.fromisoformat(str(timings.get("started")))
    except ValueError:
        return None
    return max(0.0, (datetime.now(started.tzinfo) - started).total_seconds()) if running else None
