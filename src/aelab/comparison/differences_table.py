"""Paired differences as a table on the terminal."""

from collections.abc import Sequence

from aelab.comparison.against import Differences
from aelab.comparison.figures.differences import NAMES, covered
from aelab.comparison.wording import ABSENT, count, with_ends
from aelab.machines import terminal

MOST = 30


def print_differences(everything: Sequence[Differences]) -> None:
    """A table for each task; what goes beyond ``MOST`` rows is counted."""
    from rich.table import Table

    screen = terminal.console()
    for differences in everything:
        if differences.without:
            listed = "; ".join(differences.without[:4]) + ("; …" if len(differences.without) > 4 else "")
            screen.print(
                terminal.text(
                    f"without paired differences: {listed} (from before per_example.npz was kept, or of other replicas "
                    "or seeds than the reference)",
                    "dim",
                )
            )
        if not differences.found:
            continue
        present = {
            name: shown for name, shown in NAMES.items() if any(name in one.intervals for one in differences.found)
        }
        drawn = Table(box=None, header_style="bold", pad_edge=False)
        for index, heading in enumerate(("setting", "minus", *(f"Δ {shown}" for shown in present.values()))):
            drawn.add_column(terminal.text(heading), justify="left" if index < 2 else "right")
        for one in differences.found[:MOST]:
            values = [signed(*one.intervals[name]) if name in one.intervals else ABSENT for name in present]
            drawn.add_row(*map(terminal.text, (one.label, one.reference, *values)))
        where = f" on {differences.task}" if differences.task else ""
        screen.print(terminal.text(f"paired differences{where}: {covered(differences)}", "bold"))
        screen.print(drawn)
        if len(differences.found) > MOST:
            screen.print(f"… and {count(len(differences.found) - MOST, 'row')} more", style="dim")


def signed(value: float, low: float, high: float) -> str:
    """`+0.098 ± 0.046`."""
    text = with_ends(value, low, high)
    return text if text.startswith("-") else f"+{text}"
