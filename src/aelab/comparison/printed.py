"""The tables of a comparison on a terminal, no wider than it is."""

from collections.abc import Sequence

from aelab.comparison.groups import Comparison
from aelab.comparison.table import Row, Table, tabulate, unfinished
from aelab.comparison.wording import count, plain
from aelab.machines import terminal

ROWS = 60  # of a table
GAP = 2  # between columns


def print_tables(comparison: Comparison) -> None:
    """A block for each task, the best row marked, then what did not end well; what has no room is in the CSV."""
    for table in tabulate(comparison):
        _print(table)
    if rows := unfinished(comparison):
        _print_unfinished(rows)


def _print(table: Table) -> None:
    from rich.table import Table as RichTable

    screen = terminal.console()
    rows = table.rows[:ROWS]
    widths = [
        max(len(heading), *(len(row.cells[index]) for row in rows)) for index, heading in enumerate(table.headings)
    ]
    shown = fitting(widths, table.numbers, screen.width - 1)
    drawn = RichTable(box=None, header_style="bold", pad_edge=False, padding=(0, GAP, 0, 0))
    drawn.add_column("")
    for index in shown:
        drawn.add_column(
            terminal.text(table.headings[index]), justify="right" if index < table.numbers else "left", no_wrap=True
        )
    for row in rows:
        cells = [terminal.text(row.cells[index]) for index in shown]
        drawn.add_row("★" if row.best else "", *cells, style="bold green" if row.best else "")
    if table.title:
        screen.print(terminal.text(table.title, "bold"))
    screen.print(drawn)
    hidden = [table.headings[index] for index in range(len(table.headings)) if index not in shown]
    more = [f"columns {', '.join(hidden)}"] * bool(hidden) + [count(len(table.rows) - ROWS, "row")] * (
        len(table.rows) > ROWS
    )
    if more:
        screen.print(terminal.text(f"… more in comparison.csv: {'; '.join(more)}", "dim"))


def fitting(widths: Sequence[int], numbers: int, width: int) -> list[int]:
    """Which columns have room: the first always, then settings, as they tell the rows apart, then further numbers."""
    order = [0, *range(numbers, len(widths)), *range(1, numbers)]
    chosen: list[int] = []
    left = width - GAP
    for index in order:
        left -= widths[index] + GAP
        if left < 0 and chosen:
            break
        chosen.append(index)
    return sorted(chosen)


def _print_unfinished(rows: Sequence[Row]) -> None:
    screen = terminal.console()
    screen.print(terminal.text(f"not complete, {len(rows)}:", "bold"))
    for row in rows[:ROWS]:
        reason = f": {plain(row.failure, 200)}" if row.failure else ""
        style = "" if row.status == "running" else "red"
        screen.print(terminal.text(f"  {row.cells[0]}  {row.status}{reason}", style))
    if len(rows) > ROWS:
        screen.print(terminal.text(f"… more in comparison.csv: {count(len(rows) - ROWS, 'run')}", "dim"))
