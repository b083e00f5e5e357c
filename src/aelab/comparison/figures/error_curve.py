"""The test error against a swept number, beside PCA."""

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aelab.comparison.figures.figure import Drawing, leading, numbers, numeric_keys, split, unit
from aelab.comparison.figures.scale import Scale, dress, log_upwards, scale_of, spans_decades
from aelab.comparison.figures.style import LINES, MARKERS, PANELS, Theme, label_ends, name_panel, panels
from aelab.comparison.finite import finite
from aelab.comparison.groups import Estimate, Group
from aelab.comparison.swept import factors
from aelab.comparison.verdict import own_in_words, seeds_in_words
from aelab.comparison.wording import plain
from aelab.runs.record import is_number


class Line(NamedTuple):
    """A variant: its points (x, error), or one level if the swept key does not exist for it."""

    label: str
    points: list[tuple[float, Estimate]]
    level: Estimate | None

    @property
    def end(self) -> float:
        """Where the line meets the right border."""
        found = self.points[-1][1] if self.points else self.level
        return found.mean if found else 0.0


class Panel(NamedTuple):
    """Lines that share everything else, and PCA at each x."""

    title: str
    lines: list[Line]
    pca: list[tuple[float, float]]


Look = dict[str, tuple[str, str]]


def error_curve(groups: Sequence[Group], key: str, keys: Sequence[str]) -> Drawing | None:
    """Test error against `key`: one line per variant, one panel for each value of whatever else differs."""
    first, *rest = list(factors(other for other in keys if other != key).values()) or [[]]
    everything = [
        Panel(title, _lines(members, key, first), _pca(members, key))
        for title, members in split(leading(groups, first), list(chain(*rest)))
    ]
    worthwhile = [panel for panel in everything if any(len(line.points) > 1 for line in panel.lines)]
    if not worthwhile:
        return None
    found = worthwhile[:PANELS]
    caption = _caption(groups, found)
    if len(worthwhile) > PANELS or len(split(groups, first)) > LINES:
        caption += f" At most {PANELS} panels of {LINES} lines are drawn; comparison.csv has all numbers."
    rows = [
        numbers(panel.title, line.label, (key, x), "test/error", value)
        for panel in found
        for line in panel.lines
        for x, value in line.points
    ]
    rows += [
        numbers(panel.title, line.label, (key, None), "test/error", line.level)
        for panel in found
        for line in panel.lines
        if line.level
    ]
    rows += [
        numbers(panel.title, "PCA", (key, x), "test/pca_error", Estimate(value))
        for panel in found
        for x, value in panel.pca
    ]
    ordered = len(first) == 1 and bool(numeric_keys(groups, first))

    def paint(theme: Theme, title: str) -> Figure:
        return _paint(theme, title, found, key, ordered, unit(groups))

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
        error = group.pca()
        if is_number(group.value(key)) and finite(error):
            at.setdefault(float(group.value(key)), []).append(error)
    shared = all(max(errors) <= 1.05 * min(errors) for errors in at.values())
    return sorted((x, sum(errors) / len(errors)) for x, errors in at.items()) if shared else []


def _caption(groups: Sequence[Group], found: Sequence[Panel]) -> str:
    words = "Dashed: PCA with the same code size." if any(panel.pca for panel in found) else ""
    values = [value for panel in found for line in panel.lines for _, value in line.points]
    if seeds := seeds_in_words(groups):
        words += f" Bands: {seeds}."
    elif any(value.half for value in values):
        words += f" Bands: {own_in_words(groups)}."
    if any(line.level for panel in found for line in panel.lines):
        words += " Dotted: variants without this key."
    return words.strip()


def _paint(
    theme: Theme,
    title: str,
    found: Sequence[Panel],
    key: str,
    ordered: bool,
    unit_name: str,
) -> Figure:
    names = list(dict.fromkeys(line.label for panel in found for line in panel.lines))
    palette: Sequence[str] = theme.ordered(len(names)) if ordered else theme.colours
    look = {name: (palette[i % len(palette)], MARKERS[i % LINES]) for i, name in enumerate(names)}
    points = [point for panel in found for line in panel.lines for point in line.points]
    xs = [x for x, _ in points]
    scale = scale_of(xs)
    figure, grid = panels(len(found), title, unit_name)
    for axes, panel in zip(grid, found, strict=True):
        name_panel(axes, panel.title)
        for line in panel.lines:
            _draw(axes, line, scale, *look[line.label])
        _dashed(axes, theme, [(scale.place(x), error) for x, error in panel.pca])
        dress(axes, theme, scale, xs, 5.0 if len(found) == 1 else 2.6)
    if spans_decades(value.mean for _, value in points):
        log_upwards(grid[0])
    else:
        grid[0].set_ylim(bottom=max(0.0, grid[0].get_ylim()[0]))
    figure.supxlabel(plain(key, 60), size=9.5)
    if len(found) == 1:
        _name_ends(grid[0], found[0], theme, look)
    else:
        _legend(figure, grid[0], found, theme, look)
    return figure


def _draw(axes: Axes, line: Line, scale: Scale, colour: str, marker: str) -> None:
    if line.level:
        axes.axhline(line.level.mean, color=colour, linestyle=":", linewidth=1.8)
        return
    places = [scale.place(x) for x, _ in line.points]
    axes.plot(places, [value.mean for _, value in line.points], color=colour, marker=marker)
    lows = [value.mean if value.low is None else value.low for _, value in line.points]
    highs = [value.mean if value.high is None else value.high for _, value in line.points]
    axes.fill_between(places, lows, highs, color=colour, alpha=0.16, linewidth=0)


def _dashed(axes: Axes, theme: Theme, points: Sequence[tuple[float, float]]) -> None:
    if points:
        places, errors = zip(*points, strict=True)
        axes.plot(places, errors, "--", color=theme.quiet, linewidth=1.4, zorder=1.5)


def _name_ends(axes: Axes, panel: Panel, theme: Theme, look: Look) -> None:
    named = [line for line in panel.lines if line.label]
    ends = [(line.end, line.label, *look[line.label]) for line in named if line.points]
    ends += [(line.end, line.label, look[line.label][0], "") for line in named if not line.points]
    if panel.pca:
        ends.append((panel.pca[-1][1], "PCA", theme.quiet, ""))
    label_ends(axes, theme, ends)


def _legend(figure: Figure, axes: Axes, found: Sequence[Panel], theme: Theme, look: Look) -> None:
    handles = [
        axes.plot([], [], color=colour, marker=marker, label=plain(name, 32))[0]
        for name, (colour, marker) in look.items()
        if name
    ]
    if any(panel.pca for panel in found):
        handles.append(axes.plot([], [], "--", color=theme.quiet, linewidth=1.4, label="PCA")[0])
    if handles:
        figure.legend(handles=handles, loc="outside right upper")
