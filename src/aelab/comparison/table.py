"""The comparison as a table: one row per configuration, best first, then the runs that did not end well."""

from collections.abc import Sequence
from dataclasses import dataclass

from aelab.comparison.finite import finite
from aelab.comparison.groups import Comparison, Group
from aelab.comparison.runs import RunRecord
from aelab.comparison.swept import short_names
from aelab.comparison.wording import ABSENT, count, plain, shown, with_ends
from aelab.machines import terminal

_METRICS = (
    "test/error", "test/pca_error", "test/bias2", "test/pca_bias2", "test/variance", "test/pca_variance", "test/fvu",
    "test/token_error",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One line of the table; `cells` are text."""

    runs: tuple[RunRecord, ...]
    best: bool
    cells: list[str]
    status: str
    failure: str = ""


@dataclass(frozen=True)
class Table:
    """Headings and rows; the first `texts` columns are text, the others numbers."""

    headings: list[str]
    texts: int
    rows: list[Row]


def tabulate(comparison: Comparison) -> Table:
    """The differing keys, the number of seeds where any was repeated, and the main metrics."""
    keys = comparison.keys or ["model"]
    names = short_names(keys)
    repeated = any(len(group.runs) > 1 for group in comparison.groups)
    metrics = [metric for metric in _METRICS if any(group.estimate(metric) for group in comparison.groups)]
    metrics = metrics or ["val/error"]
    rows = []
    for groups in comparison.problems().values():
        best = groups[0] if len(groups) > 1 and finite(groups[0].mean("test/error")) else None
        rows += [_complete(group, keys, metrics, repeated, group is best) for group in groups]
    rows += [_unfinished(run, keys, len(metrics) + repeated) for run in comparison.unfinished]
    headings = [names[key] for key in keys] + ["seeds"] * repeated + metrics
    return Table(headings, len(keys), rows)


def print_table(comparison: Comparison, limit: int = 60) -> None:
    """Print the table, the best row marked; what goes beyond `limit` rows is in the CSV."""
    from rich.table import Table as RichTable

    table = tabulate(comparison)
    screen = terminal.console()
    drawn = RichTable(box=None, header_style="bold", pad_edge=False)
    drawn.add_column("")
    for index, heading in enumerate(table.headings):
        drawn.add_column(terminal.text(heading), justify="left" if index < table.texts else "right")
    drawn.add_column("status", overflow="fold")
    drawn_rows = visible(table.rows, limit)
    for row in drawn_rows:
        status = plain(f"{row.status}: {row.failure}", 120) if row.failure else row.status
        style = "bold green" if row.best else "" if row.status == "complete" else "red"
        drawn.add_row("★" if row.best else "", *map(terminal.text, row.cells), terminal.text(status), style=style)
    screen.print(drawn)
    if len(drawn_rows) < len(table.rows):
        hidden = count(len(table.rows) - len(drawn_rows), "row")
        screen.print(f"… and {hidden} more in comparison.csv", style="dim")


def visible(rows: Sequence[Row], limit: int) -> list[Row]:
    """The best rows, and up to a third of the space for those that went wrong."""
    if len(rows) <= limit:
        return list(rows)
    wrong = [row for row in rows if row.status != "complete"][: limit // 3]
    return [row for row in rows if row.status == "complete"][: limit - len(wrong)] + wrong


def _complete(group: Group, keys: Sequence[str], metrics: Sequence[str], repeated: bool, best: bool) -> Row:
    found = [group.estimate(metric) for metric in metrics]
    numbers = [with_ends(one.mean, one.low, one.high) if one else ABSENT for one in found]
    cells = _keys(group.runs[0], keys) + [str(len(group.runs))] * repeated + numbers
    return Row(group.runs, best, cells, "complete")


def _unfinished(run: RunRecord, keys: Sequence[str], numbers: int) -> Row:
    return Row((run,), False, _keys(run, keys) + [ABSENT] * numbers, run.status, run.failure)


def _keys(run: RunRecord, keys: Sequence[str]) -> list[str]:
    return [plain(shown(run.config[key]), 60) if key in run.config else ABSENT for key in keys]
