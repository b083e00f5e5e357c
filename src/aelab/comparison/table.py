"""The comparison as tables: one a task, a row per configuration, best first; and the runs that did not end well."""

from collections.abc import Sequence
from dataclasses import dataclass

from aelab.comparison.finite import finite
from aelab.comparison.groups import Comparison, Group
from aelab.comparison.runs import RunRecord
from aelab.comparison.swept import short_names, swept_keys
from aelab.comparison.wording import ABSENT, plain, shown, with_ends

_METRICS = (
    "test/error", "test/pca_error", "test/bias2", "test/pca_bias2", "test/variance", "test/pca_variance", "test/fvu",
    "test/token_error",
)  # fmt: skip
_OF_THE_TASK = ("data", "data.path", "error")  # told by the table's title


@dataclass(frozen=True)
class Row:
    """One line of a table; `cells` are text. A run that did not end well has one cell, its settings."""

    runs: tuple[RunRecord, ...]
    best: bool
    cells: list[str]
    status: str = "complete"
    failure: str = ""


@dataclass(frozen=True)
class Table:
    """The configurations of a task: `numbers` columns of metrics, then the settings that differ within the task.

    `title`: what tells the task from the others; empty where there is one.
    """

    title: str
    headings: list[str]
    numbers: int
    rows: list[Row]


def tabulate(comparison: Comparison) -> list[Table]:
    """A table for each task, of its main metrics, the number of seeds where any was repeated, and what differs."""
    return [_table(title, groups) for title, groups in comparison.problems().items()]


def unfinished(comparison: Comparison) -> list[Row]:
    """The runs that are running, failed, interrupted or unreadable, with the settings that tell them apart."""
    keys = comparison.keys or ["model"]
    return [
        Row((run,), False, [Group((run,)).label(keys) or plain(run.run_id)], run.status, run.failure)
        for run in comparison.unfinished
    ]


def all_rows(comparison: Comparison) -> list[Row]:
    """Of all tables, best first, and then those that are unfinished."""
    return [row for table in tabulate(comparison) for row in table.rows] + unfinished(comparison)


def visible(rows: Sequence[Row], limit: int) -> list[Row]:
    """The best rows, and up to a third of the space for those that went wrong."""
    if len(rows) <= limit:
        return list(rows)
    wrong = [row for row in rows if row.status != "complete"][: limit // 3]
    return [row for row in rows if row.status == "complete"][: limit - len(wrong)] + wrong


def _table(title: str, groups: Sequence[Group]) -> Table:
    runs = [run for group in groups for run in group.runs]
    keys = [key for key in swept_keys(runs) if key not in _OF_THE_TASK] or ["model"]
    names = short_names(keys)
    repeated = any(len(group.runs) > 1 for group in groups)
    metrics = [metric for metric in _METRICS if any(group.estimate(metric) for group in groups)] or ["val/error"]
    best = groups[0] if len(groups) > 1 and finite(groups[0].mean("test/error")) else None
    rows = [Row(group.runs, group is best, _cells(group, keys, metrics, repeated)) for group in groups]
    headings = [*metrics, *["seeds"] * repeated, *(names[key] for key in keys)]
    return Table(title, headings, len(metrics) + repeated, rows)


def _cells(group: Group, keys: Sequence[str], metrics: Sequence[str], repeated: bool) -> list[str]:
    found = [group.estimate(metric) for metric in metrics]
    numbers = [with_ends(one.mean, one.low, one.high) if one else ABSENT for one in found]
    run = group.runs[0]
    settings = [plain(shown(run.config[key]), 60) if key in run.config else ABSENT for key in keys]
    return numbers + [str(len(group.runs))] * repeated + settings
