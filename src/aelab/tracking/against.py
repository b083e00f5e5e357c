"""The test error against a swept number, beside PCA."""

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aelab.tracking.comparison import Estimate, Group
from aelab.tracking.drawing import Drawing, is_number, numbers, numeric_keys, split, unit
from aelab.tracking.runs import finite
from aelab.tracking.scale import Scale, dress, scale_of, spans_decades
from aelab.tracking.style import LINES, MARKERS, PANELS, Theme, label_ends, panels
from aelab.tracking.swept import factors
from aelab.tracking.verdict import seeds_in_words
from aelab.tracking.wording import shown


class Line(NamedTuple):
    """A variant: its points (x, estimate), or a level where the swept key does not exist for it."""

    label: str
    points: list[tuple[float, Estimate]]
    level: Estimate | None


class Panel(NamedTuple):
    """Lines that share everything else, and PCA at each x."""

    title: str
    lines: list[Line]
    pca: list[tuple[float, float]]


def error_against(groups: Sequence[Group], key: str, keys: Sequence[str]) -> Drawing | None:
    """Test error against `key`: one line per variant, one panel for each value of whatever else differs."""
    first, *rest = list(factors(other for other in keys if other != key).values()) or [[]]
    everything = [(title, _lines(members, key, first)) for title, members in split(groups, list(chain(*rest)))]
    found = [
        Panel(title, lines[:LINES], _pca(split(groups, list(chain(*rest)))[index][1], key))
        for index, (title, lines) in enumerate(everything)
        if any(len(line.points) > 1 for line in lines)
    ]
    if not found:
        return None
    panel_list = found[:PANELS]
    caption = _caption(groups, panel_list)
    hidden = len(found) - len(panel_list)
    if hidden:
        caption += f" {hidden} more panels are not drawn."
    if any(len(lines) > LINES for _, lines in everything):
        caption += f" At most {LINES} lines are drawn in a panel."
    rows = [
        numbers(panel.title, line.label, (key, x), "test/error", value, floor=0.0)
        for panel in panel_list
        for line in panel.lines
        for x, value in line.points
    ] + [
        numbers(panel.title, "PCA", (key, x), "test/pca_error", Estimate(value, None, 1))
        for panel in panel_list
        for x, value in panel.pca
    ]
    ordered = len(first) == 1 and bool(numeric_keys(groups, first))

    def paint(theme: Theme) -> Figure:
        return _paint(theme, panel_list, key, ordered, unit(groups))

    return Drawing(f"error-vs-{key}", f"Test error against {key}", caption, rows, paint, x=key)


def _lines(groups: Sequence[Group], key: str, first: Sequence[str]) -> list[Line]:
    lines = []
    for label, members in split(groups, first):
        known = [(group.value(key), found) for group in members if (found := group.estimate("test/error"))]
        known = [(x, found) for x, found in known if finite(found.mean)]
        points = sorted((float(x), found) for x, found in known if is_number(x))
        level = next((found for x, found in known if not is_number(x)), None)
        if points or level:
            lines.append(Line(label, points, None if points else level))
    return lines


def _pca(groups: Sequence[Group], key: str) -> list[tuple[float, float]]:
    """PCA at each x; nothing if the lines of a panel do not share it."""
    at: dict[float, list[float]] = {}
    for group in groups:
        error = group.mean("test/pca_error")
        if is_number(group.value(key)) and error is not None and finite(error):
            at.setdefault(float(group.value(key)), []).append(error)
    shared = all(max(errors) <= 1.05 * min(errors) for errors in at.values())
    return sorted((x, sum(errors) / len(errors)) for x, errors in at.items()) if shared else []


def _caption(groups: Sequence[Group], found: Sequence[Panel]) -> str:
    words = "Dashed: PCA with the same code size." if any(panel.pca for panel in found) else ""
    values = [value for panel in found for line in panel.lines for _, value in line.points]
    seeds = seeds_in_words(list(groups))
    if seeds:
        words += f" Bands: {seeds}."
    elif any(value.half for value in values):
        words += " Bands: 95 % intervals from the standard error of each run."
    if any(line.level for panel in found for line in panel.lines):
        words += " Dotted: variants without this key."
    return words.strip()


def _paint(theme: Theme, found: Sequence[Panel], key: str, ordered: bool, unit_name: str) -> Figure:
    names = list(dict.fromkeys(line.label for panel in found for line in panel.lines))
    palette: Sequence[str] = theme.ordered(len(names)) if ordered else theme.colours
    look = {name: (palette[i % len(palette)], MARKERS[i % LINES]) for i, name in enumerate(names)}
    xs = [x for panel in found for line in panel.lines for x, _ in line.points]
    scale = scale_of(xs)
    figure, grid = panels(len(found), f"Test error against {key}", unit_name)
    for axes, panel in zip(grid, found, strict=True):
        axes.set_title(panel.title)
        for line in panel.lines:
            _draw(axes, line, scale, *look[line.label])
        if panel.pca:
            places = [scale.place(x) for x, _ in panel.pca]
            axes.plot(places, [error for _, error in panel.pca], "--", color=theme.quiet, linewidth=1.4, zorder=1.5)
        dress(axes, theme, scale, xs, 5.0 if len(found) == 1 else 2.6)
    means = [value.mean for panel in found for line in panel.lines for _, value in line.points]
    if spans_decades(means):
        grid[0].set_yscale("log")
    else:
        grid[0].set_ylim(bottom=max(0.0, grid[0].get_ylim()[0]))
    figure.supxlabel(key, size=9.5)
    _name(figure, grid, found, theme, look)
    return figure


def _draw(axes: Axes, line: Line, scale: Scale, colour: str, marker: str) -> None:
    if line.level:
        axes.axhline(line.level.mean, color=colour, linestyle=":", linewidth=1.8)
        return
    places = [scale.place(x) for x, _ in line.points]
    means = [value.mean for _, value in line.points]
    axes.plot(places, means, color=colour, marker=marker)
    lows = [value.mean - (value.half or 0.0) for _, value in line.points]
    highs = [value.mean + (value.half or 0.0) for _, value in line.points]
    axes.fill_between(places, lows, highs, color=colour, alpha=0.16, linewidth=0)


def _name(
    figure: Figure, grid: Sequence[Axes], found: Sequence[Panel], theme: Theme, look: dict[str, tuple[str, str]]
) -> None:
    if len(found) == 1:
        ends = [
            (line.points[-1][1].mean if line.points else line.level.mean if line.level else 0.0, line.label,
             look[line.label][0], look[line.label][1] if line.points else "_")
            for line in found[0].lines if line.label
        ]  # fmt: skip
        if found[0].pca:
            ends.append((found[0].pca[-1][1], "PCA", theme.quiet, ""))
        label_ends(grid[0], theme, ends)
        return
    handles = [
        grid[0].plot([], [], color=colour, marker=marker, label=shown(name))[0]
        for name, (colour, marker) in look.items()
        if name
    ]
    if any(panel.pca for panel in found):
        handles.append(grid[0].plot([], [], "--", color=theme.quiet, linewidth=1.4, label="PCA")[0])
    figure.legend(handles=handles, loc="outside right upper")
