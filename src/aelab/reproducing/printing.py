"""Experiments and their rows on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.table import Table

from aelab.comparison.wording import ABSENT, count
from aelab.machines import terminal
from aelab.reproducing.table import HEADINGS, NUMBERS, Entry, cells


def print_list(entries: Iterable[Entry]) -> None:
    """One line an experiment: what was found at each size, whose runs these are, and its paper."""
    by_name: dict[str, dict[str, Entry]] = {}
    for entry in entries:
        by_name.setdefault(entry.experiment, {})[entry.size] = entry
    lines = []
    for name, sizes in by_name.items():
        states = [_state(sizes[size]) if size in sizes else ABSENT for size in ("small", "paper")]
        lines.append([name, *states, next(iter(sizes.values())).paper.title])
    _print(["experiment", "small", "size=paper", "from"], lines)


def _state(entry: Entry) -> str:
    """The verdict, or how many of its runs there are; and whose."""
    if entry.measured is None:
        return entry.state
    whose = "yours" if entry.yours else "kept with the project"
    found = entry.verdict if entry.state == "run" else f"{entry.state}, {entry.verdict}"
    off = f", {count(len(entry.red), 'row')} off" if entry.red else ""
    return f"{found}{off} ({whose}, {entry.measured.date})"


def print_rows(entry: Entry) -> None:
    """The paper's figures and orderings beside ours."""
    kept = [heading for heading in HEADINGS if heading not in ("experiment", "size", "date", "device")]
    lines = [[cell for heading, cell in zip(HEADINGS, row, strict=True) if heading in kept] for row in cells(entry)]
    partial = "" if entry.state == "run" else f" ({entry.state})"
    _print(kept, lines, f"{entry.experiment}, size {entry.size}{partial}: {entry.paper.title}")


def _print(headings: Sequence[str], lines: Iterable[Sequence[str]], title: str = "") -> None:
    screen = terminal.console(200)
    drawn = Table(box=None, header_style="bold", pad_edge=False)
    for heading in headings:
        drawn.add_column(heading, justify="right" if heading in NUMBERS else "left", overflow="fold")
    for line in lines:
        drawn.add_row(*map(terminal.text, line))
    if title:
        screen.print()
        screen.print(terminal.text(title, "bold"))
    screen.print(drawn)
