"""Experiments beside their papers: the cells of the one table, and docs/reproductions.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from aelab.comparison.wording import ABSENT, count, duration
from aelab.machines.atomic_files import write_whole
from aelab.reproducing.judging import NOT_JUDGED, POST_HOC, Row, overall, rows
from aelab.reproducing.measured import Measured
from aelab.reproducing.paper import TAGS, Paper, sizes_of

HEADINGS = (
    "experiment", "size", "quantity", "here", "paper", "difference", "verdict", "verified how", "runs", "date",
    "device", "cost",
)  # fmt: skip
NUMBERS = ("here", "paper", "difference")
_BEGIN = "<!-- table: written by scripts/reproduce.py -->"
_END = "<!-- end of the table -->"
_COUNTS = "<!-- counts: written by scripts/reproduce.py -->"
_COUNTED = "<!-- end of the counts -->"
OVERALL = ("reproduced", "reproduced in part", "order only", "off", "reversed", POST_HOC, NOT_JUDGED)
_HEADER = "# Reproductions\n\n"


@dataclass(frozen=True)
class Entry:
    """An experiment at a size; ``measured`` is None where it was not run.

    ``changed``: not quite as the recipe says. ``outdated``: as the recipe said once. ``yours``: measured of runs under
    outputs/, not read from what is kept with the project.
    """

    experiment: str
    size: str
    paper: Paper
    measured: Measured | None
    changed: bool = False
    outdated: bool = False
    yours: bool = False

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
    def verdict(self) -> str:
        """One word for what was found; of a recipe that was not run there is none."""
        return overall(self.rows()) if self.measured else ""

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
    seeds = f", {measured.seeds} seeds" if measured.seeds > 1 else ""
    shared = [measured.date, measured.device, f"{cost}, {count(len(measured.runs), 'run')}{seeds}"]
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


def counts(entries: Iterable[Entry]) -> str:
    """How many of how many, at the size of the papers."""
    large = [entry for entry in entries if "paper" in sizes_of(entry.experiment).get(entry.size, (entry.size,))]
    lines = [row for entry in large for row in entry.rows()]
    figures = Counter(row.state for row in lines if row.state and row.paper != "<")
    pairs = Counter(row.state for row in lines if row.state and row.paper == "<")
    verdicts = Counter(entry.verdict for entry in large if entry.measured)
    seeded = sum(entry.measured.seeds > 2 for entry in large if entry.measured)
    run = sum(verdicts.values())
    return (
        f"**At the papers' size {run} of {count(len(large), 'recipe')} have run, {seeded} of them with three seeds or "
        f"more: {_of(verdicts, OVERALL)}.** Of their {count(sum(figures.values()), 'figure')} with a tolerance "
        f"{_of(figures, ('reproduced', 'off', NOT_JUDGED))}; of {count(sum(pairs.values()), 'pair')} of neighbours in "
        f"an ordering {_of(pairs, ('held', 'tie', 'reversed', NOT_JUDGED, POST_HOC))}.\n"
    )


def _of(found: Counter[str], states: Iterable[str]) -> str:
    return ", ".join(f"{found[state]} {state}" for state in states if found[state]) or "none"


def write_page(path: Path, entries: Iterable[Entry]) -> Path:
    """Put the table and, where the page has marks for them, the counts between their marks in the page, and leave the
    rest of it as somebody wrote it."""
    entries = list(entries)
    page = (
        path.read_text(encoding="utf-8") if path.exists() else f"{_HEADER}{_COUNTS}\n{_COUNTED}\n\n{_BEGIN}\n{_END}\n"
    )
    if _COUNTS in page:
        page = _between(page, _COUNTS, _COUNTED, counts(entries))
    elif _BEGIN not in page:
        page = f"{page.rstrip()}\n\n{_BEGIN}\n{_END}\n"
    return write_whole(path, _between(page, _BEGIN, _END, markdown(entries)))


def _between(page: str, begin: str, end: str, text: str) -> str:
    before, _, rest = page.partition(begin)
    return f"{before}{begin}\n{text}{end}{rest.partition(end)[2]}"
