"""Experiments beside their papers: the cells of the one table, and docs/reproductions.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from aelab.comparison.wording import ABSENT, count, duration
from aelab.machines.atomic_files import write_whole
from aelab.reproducing.judging import Row, rows
from aelab.reproducing.measured import Measured
from aelab.reproducing.paper import TAGS, Paper, sizes_of

HEADINGS = (
    "experiment", "size", "quantity", "here", "paper", "difference", "verdict", "verified how", "runs", "date",
    "device", "cost",
)  # fmt: skip
NUMBERS = ("here", "paper", "difference")
_BEGIN, _END = "<!-- table: written by scripts/reproduce.py -->", "<!-- end of the table -->"
_HEADER = "# Reproductions\n\n"


@dataclass(frozen=True)
class Entry:
    """An experiment at a size; ``measured`` is None where it was not run.

    ``changed``: not quite as the recipe says. ``outdated``: as the recipe said once.
    """

    experiment: str
    size: str
    paper: Paper
    measured: Measured | None
    changed: bool = False
    outdated: bool = False

    def rows(self) -> list[Row]:
        """The paper's figures and orderings beside ours."""
        counts_as = () if self.changed else sizes_of(self.experiment).get(self.size, (self.size,))
        return rows(self.paper, self.measured, counts_as) if self.measured else []

    @property
    def state(self) -> str:
        """``not run``, ``3 of 4 runs``, or ``run``."""
        if self.measured is None:
            return "not run"
        expected = len(self.measured.expected)
        missing = self.measured.missing
        return f"{expected - missing} of {count(expected, 'run')}" if missing else "run"

    @property
    def red(self) -> list[Row]:
        """The rows that failed."""
        return [row for row in self.rows() if row.red]


def cells(entry: Entry) -> list[list[str]]:
    """One list a row, under HEADINGS; what holds for the whole entry stands in its first row alone."""
    measured = entry.measured
    if measured is None:
        return [[entry.experiment, entry.size, "not run", *[ABSENT] * (len(HEADINGS) - 3)]]
    notes = [entry.state] if measured.missing else []
    notes += ["of an earlier recipe"] if entry.outdated else []
    size = entry.size + (f" ({', '.join(notes)})" if notes else "")
    cost = ("≥ " if measured.resumed else "") + duration(measured.seconds)
    shared = [measured.date, measured.device, f"{cost}, {count(len(measured.runs), 'run')}"]
    found = []
    for index, row in enumerate(entry.rows()):
        head, tail = ([entry.experiment, size], shared) if not index else (["", ""], [""] * 3)
        verified = f"{row.tag}: {row.where}"
        own = [row.quantity, row.ours, row.paper, row.difference, row.verdict, verified, _ids(row.runs)]
        found.append([*head, *own, *tail])
    return found


def _ids(ids: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(ids))
    return (distinct[0] + (f" + {len(distinct) - 1}" if distinct[1:] else "")) if distinct else ABSENT


def markdown(entries: Iterable[Entry]) -> str:
    """The table, and what its words mean."""
    lines = [_line(HEADINGS), _line("--:" if heading in NUMBERS else "---" for heading in HEADINGS)]
    lines += [_line(map(_escaped, row)) for entry in entries for row in cells(entry)]
    tags = "; ".join(f"{tag}, {words}" for tag, words in TAGS.items())
    return "\n".join(
        [
            *lines,
            "",
            f"Verified how: {tags}. ± is half of a 95 % interval, over seeds or, of a single run, its own.",
            "",
        ]
    )


def _line(row: Iterable[str]) -> str:
    return f"| {' | '.join(row)} |"


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|").replace("<", "&lt;").replace("_", "\\_").replace("*", "\\*")


def write_page(path: Path, entries: Iterable[Entry]) -> Path:
    """Put the table between its marks in the page, and leave the rest of it as somebody wrote it."""
    page = path.read_text(encoding="utf-8") if path.exists() else f"{_HEADER}{_BEGIN}\n{_END}\n"
    before, _, rest = page.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    if not rest:
        before = f"{page.rstrip()}\n\n"
        after = "\n"
    return write_whole(path, f"{before}{_BEGIN}\n{markdown(entries)}{_END}{after}")
