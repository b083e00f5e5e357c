"""Curves that evaluations measured, one figure for each: a line for every configuration."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from aelab.comparison.figures.curve import Curve
from aelab.comparison.figures.figure import Drawing, leading, numbers, numeric_keys
from aelab.comparison.figures.scale import log_rightwards, log_upwards
from aelab.comparison.figures.style import Theme, panels
from aelab.comparison.groups import Estimate, Group
from aelab.comparison.wording import count, plain

Points = list[tuple[float, float]]


def evaluated_curves(groups: Sequence[Group], keys: Sequence[str]) -> list[Drawing | None]:
    """A figure of each curve that any run has. The best runs are drawn where there are too many."""
    names = dict.fromkeys(name for group in groups for run in group.runs for name in run.curves)
    return [_drawing(name, groups, keys) for name in names]


def _drawing(name: str, groups: Sequence[Group], keys: Sequence[str]) -> Drawing | None:
    known = [group for group in groups if all(name in run.curves for run in group.runs)]
    drawn = leading(known, keys)
    found = [(group.label(keys), _mean(group, name)) for group in drawn]
    if not found:
        return None
    curve_shown = drawn[0].runs[0].curves[name]
    rows = [
        numbers("", label, (curve_shown.x_name, x), name, Estimate(y, n=len(group.runs)))
        for group, (label, points) in zip(drawn, found, strict=True)
        for x, y in points
    ]
    caption = "Each line is the mean over seeds." if any(len(group.runs) > 1 for group in drawn) else ""
    if len(drawn) < len(known):
        caption += f" {len(drawn)} of {count(len(known), 'configuration')} are drawn."
    ordered = len(keys) == 1 and bool(numeric_keys(groups, keys))

    def paint(theme: Theme, title: str) -> Figure:
        return _paint(theme, title, found, curve_shown, ordered)

    evaluation, _, curve = name.partition("/")
    title = f"{evaluation.replace('_', ' ').capitalize()}: {curve.replace('_', ' ')}"
    return Drawing(f"{evaluation}-{curve}", title, caption.strip(), rows, paint, x=curve_shown.x_name)


def _mean(group: Group, name: str) -> Points:
    """Mean over seeds, at the places that every seed has."""
    by_seed = [dict(run.curves[name].points) for run in group.runs]
    common = sorted(set.intersection(*map(set, by_seed)))
    return [(x, sum(points[x] for points in by_seed) / len(by_seed)) for x in common]


def _paint(theme: Theme, title: str, found: Sequence[tuple[str, Points]], curve_shown: Curve, ordered: bool) -> Figure:
    figure, (axes, *_) = panels(1, title, curve_shown.y_name)
    palette: Sequence[str] = theme.ordered(len(found)) if ordered else theme.colours
    for index, (label, points) in enumerate(found):
        colour = palette[index % len(palette)]
        axes.plot(*zip(*points, strict=True), color=colour, label=plain(label, 40))
    if "x" in curve_shown.logarithmic:
        log_rightwards(axes)
    if "y" in curve_shown.logarithmic:
        log_upwards(axes)
    axes.set_xlabel(plain(curve_shown.x_name), size=9.5)
    if any(label for label, _ in found):
        figure.set_figheight(4.4 + 0.14 * len(found))
        figure.legend(loc="outside lower center", ncols=2)
    return figure
