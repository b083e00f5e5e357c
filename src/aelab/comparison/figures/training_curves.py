"""Training curves: the error per epoch, validation thick and training thin."""

from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from aelab.comparison.figures.figure import Drawing, leading, numbers, numeric_keys, split, unit
from aelab.comparison.figures.scale import log_upwards, spans_decades
from aelab.comparison.figures.style import PANELS, Theme, label_ends, name_panel, panels
from aelab.comparison.finite import finite
from aelab.comparison.groups import Estimate, Group
from aelab.comparison.runs import RunRecord
from aelab.comparison.swept import factors
from aelab.comparison.wording import count, plain

Curve = list[tuple[float, float]]
_METRICS = ("val/error", "train/error")


class Line(NamedTuple):
    """One configuration's curves by metric, and whether its training came to its end."""

    label: str
    curves: dict[str, Curve]
    finished: bool


Panels = list[tuple[str, list[Line]]]


def training_curves(
    groups: Sequence[Group],
    unfinished: Sequence[RunRecord],
    keys: Sequence[str],
) -> Drawing | None:
    """One line per configuration, mean over seeds; one panel per variant if more than the variant differs.

    The best are drawn where there are too many. Runs that did not finish are drawn as far as they came.
    The settings of one fit have no curves of their own.
    """
    first, *rest = list(factors(keys).values()) or [[]]
    across, along = (first, list(chain(*rest))) if rest else ([], first)
    candidates = [group for group in groups if not group.runs[0].varied]
    candidates += [Group((run,)) for run in unfinished if run.config]
    found: Panels = []
    for panel, members in split(leading(candidates, along), across)[:PANELS]:
        lines = [
            Line(label, curves, group.runs[0].complete)
            for label, alike in split(members, along)
            for group in alike[:2]
            if (curves := _curves(group))
        ]
        if lines:
            found.append((panel, lines))
    if not found:
        return None
    caption = "Thick: validation; thin: training."
    if any(len(group.runs) > 1 for group in candidates):
        caption += " Each line is the mean over seeds."
    if not all(line.finished for _, lines in found for line in lines):
        caption += " A cross ends a run that has not finished."
    drawn = sum(len(lines) for _, lines in found)
    if drawn < len(candidates):
        caption += f" {drawn} of {count(len(candidates), 'configuration')} are drawn."
    ordered = len(along) == 1 and bool(numeric_keys(groups, along))
    rows = [
        numbers(panel, line.label, ("epoch", epoch), metric, Estimate(value))
        for panel, lines in found
        for line in lines
        for metric, curve in line.curves.items()
        for epoch, value in curve
    ]

    def paint(theme: Theme, title: str) -> Figure:
        return _paint(theme, title, found, ordered, unit(candidates))

    return Drawing("curves", "Training curves", caption, rows, paint, x="epoch")


def _curves(group: Group) -> dict[str, Curve]:
    """Mean over seeds, at the epochs that every seed has."""
    histories = [run.history() for run in group.runs]
    found = {metric: curve for metric in _METRICS if (curve := _mean_curve(histories, metric))}
    return found if "val/error" in found else {}


def _mean_curve(histories: Sequence[list[dict[str, float]]], metric: str) -> Curve:
    by_seed = [{row["epoch"]: row[metric] for row in rows if finite(row.get(metric))} for rows in histories]
    common = sorted(set.intersection(*map(set, by_seed)))
    return [(epoch + 1, sum(values[epoch] for values in by_seed) / len(by_seed)) for epoch in common]


def _paint(theme: Theme, title: str, found: Panels, ordered: bool, unit_name: str) -> Figure:
    names = list(dict.fromkeys(line.label for _, lines in found for line in lines))
    palette: Sequence[str] = theme.ordered(len(names)) if ordered else theme.colours
    colour = {name: palette[index % len(palette)] for index, name in enumerate(names)}
    figure, grid = panels(len(found), title, unit_name)
    for axes, (panel, lines) in zip(grid, found, strict=True):
        name_panel(axes, panel)
        for line in lines:
            _draw(axes, colour[line.label], line)
    drawn = [curve for _, lines in found for line in lines for curve in line.curves.values()]
    if spans_decades(value for curve in drawn for _, value in curve):
        log_upwards(grid[0])
    grid[0].xaxis.set_major_locator(MaxNLocator("auto", integer=True))
    figure.supxlabel("epoch", size=9.5)
    if len(found) == 1:
        label_ends(grid[0], theme, _ends(found[0][1], colour))
    elif any(names):
        handles: list[Any] = []
        for name in names:
            handles += grid[0].plot([], [], color=colour[name], label=plain(name, 32))
        figure.legend(handles=handles, loc="outside right upper")
    return figure


def _ends(lines: Sequence[Line], colour: dict[str, str]) -> list[tuple[float, str, str, str]]:
    """What to write beside each line; a line that is alone says which of its curves is which."""
    if len(lines) > 1 or lines[0].label:
        return [(line.curves["val/error"][-1][1], line.label, colour[line.label], "o") for line in lines]
    words = {"val/error": "validation", "train/error": "training"}
    return [(curve[-1][1], words[metric], colour[""], "") for metric, curve in lines[0].curves.items()]


def _draw(axes: Axes, colour: str, line: Line) -> None:
    for metric, curve in line.curves.items():
        epochs, values = zip(*curve, strict=True)
        training = metric == "train/error"
        width, alpha = (0.9, 0.65) if training else (1.8, 1.0)
        axes.plot(epochs, values, color=colour, linewidth=width, alpha=alpha)
        if not training or len(epochs) == 1:
            marker, size = ("o", 3.5) if line.finished else ("x", 6)
            axes.plot(epochs[-1:], values[-1:], marker, color=colour, markersize=size)
