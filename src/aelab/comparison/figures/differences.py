"""Paired differences to a reference: a row for every setting, a panel for error, bias² and variance."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from aelab.comparison.against import Beside, Differences
from aelab.comparison.figures.figure import Drawing, numbers, unit
from aelab.comparison.figures.style import Theme
from aelab.comparison.groups import Estimate
from aelab.comparison.wording import plain

NAMES = {"error": "error", "bias2": "bias²", "variance": "variance"}
MOST = 20


def differences_figure(differences: Differences) -> Drawing | None:
    """A row for every setting, best first by validation; None where no run kept what pairs need."""
    found = differences.found[:MOST]
    if not found:
        return None
    references = sorted({one.reference for one in found})
    beside = references[0] if len(references) == 1 else "the reference with the same other keys"
    caption = f"Paired differences to {beside}. {covered(differences)}"
    if len(found) < len(differences.found):
        caption += f" The {MOST} best of {len(differences.found)} are drawn."
    if differences.without:
        caption += f" {len(differences.without)} without: their runs kept nothing of each example, or other replicas."
    rows = [
        numbers("", one.label, ("against", one.reference), f"difference/{name}", Estimate(*interval))
        for one in found
        for name, interval in one.intervals.items()
    ]

    def paint(theme: Theme, title: str) -> Figure:
        return _paint(theme, title, found)

    return Drawing("paired-differences", "Paired differences", caption, rows, paint)


def covered(differences: Differences) -> str:
    """What the intervals cover, and how they are adjusted."""
    if differences.units:
        over = f"test examples and replicas (or seeds, {differences.units} or more)"
    else:
        over = "test examples alone, as one model stands on each side"
    return f"95 % intervals over {over}, adjusted by Holm for the number of settings, each quantity on its own."


def _paint(theme: Theme, title: str, found: Sequence[Beside]) -> Figure:
    present = [name for name in NAMES if any(name in one.intervals for one in found)]
    figure = Figure(figsize=(2.6 * len(present) + 2.4, 1.3 + 0.34 * len(found)), layout="constrained")
    grid = figure.subplots(1, len(present), sharey=True, squeeze=False)[0]
    figure.suptitle(plain(title, 60), x=0.012, ha="left", weight="bold", size=11)
    figure.supxlabel(f"difference in {unit(one.group for one in found)}", size=9.5)
    for axes, name in zip(grid, present, strict=True):
        axes.set_title(f"Δ {NAMES[name]}")
        axes.axvline(0.0, color=theme.quiet, linewidth=1.0)
        axes.grid(False)
        for row, one in enumerate(found):
            if name in one.intervals:
                value, low, high = one.intervals[name]
                colour = theme.quiet if low <= 0 <= high else theme.colours[0]
                axes.errorbar(value, row, xerr=[[value - low], [high - value]], fmt="o", color=colour, capsize=2.5)
    grid[0].set_yticks(range(len(found)), [plain(one.label, 34) for one in found])
    grid[0].set_ylim(len(found) - 0.4, -0.6)
    return figure
