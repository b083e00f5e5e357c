"""Bias², variance and their sum against a swept number: where the trade-off lies."""

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from aelab.comparison.choosing import best_first, chosen_in_words, cost, criterion
from aelab.comparison.figures.figure import Drawing, numbers, split, unit
from aelab.comparison.figures.scale import Scale, dress, log_upwards, scale_of, spans_decades
from aelab.comparison.figures.style import PANELS, Theme, name_panel, panels
from aelab.comparison.finite import finite
from aelab.comparison.groups import Estimate, Group
from aelab.comparison.verdict import few_replicas, own_in_words
from aelab.comparison.wording import plain, shown
from aelab.runs.record import is_number

Points = list[tuple[float, Estimate]]
LineStyle = str | tuple[int, tuple[int, int]]
PCA_DASHES = (0, (5, 2))
_MAIN = ("test/error", "test/bias2", "test/variance")
_NAMES = {
    "test/error": "error",
    "test/bias2": "bias²",
    "test/variance": "variance",
    "test/variance_data": "… of the data",
    "test/variance_init": "… of the initialisation",
    "test/noise": "noise",
    "test/pca_error": "PCA: error",
    "test/pca_bias2": "PCA: bias²",
    "test/pca_variance": "PCA: variance",
}


class Panel(NamedTuple):
    """One variant's curves, by metric, and where its best setting by validation lies."""

    title: str
    curves: dict[str, Points]
    best: float


def tradeoff(groups: Sequence[Group], key: str, keys: Sequence[str]) -> Drawing | None:
    """One panel per variant (and value of whatever else differs), shared axes, the best by validation marked.

    Behind them the linear reference: PCA of the same code size and the same replicas' rows.
    """
    measured = [group for group in groups if is_number(group.value(key)) and _measured(group)]
    chosen_by = criterion(measured)
    candidates = [
        (cost(best, chosen_by), Panel(title, curves, float(best.value(key))))
        for title, members in split(measured, [other for other in keys if other != key])
        if len((curves := _curves(members, key))["test/error"]) > 1
        for best in best_first(members)[:1]
    ]
    if not candidates:
        return None
    most = 3 * PANELS // 2
    limit = sorted(least for least, _ in candidates)[:most][-1]
    found = [panel for least, panel in candidates if least <= limit][:most]
    halves = any(value.half for panel in found for curve in panel.curves.values() for _, value in curve)
    caption = f"Ringed, in every panel: the best by {chosen_in_words(measured)}, with its test error."
    if any("test/pca_variance" in panel.curves for panel in found):
        caption += " Dashed: PCA with the same code size, fitted to each replica's own rows."
    if halves:
        caption += f" Bands: {own_in_words(measured)}. {few_replicas(measured)}".rstrip()
    if len(found) < len(candidates):
        caption += f" {len(found)} of {len(candidates)} panels are drawn: the best."
    rows = [
        numbers(panel.title, _NAMES[metric], (key, x), metric, value)
        for panel in found
        for metric, curve in panel.curves.items()
        for x, value in curve
    ]

    def paint(theme: Theme, title: str) -> Figure:
        return _paint(theme, title, found, key, unit(groups))

    return Drawing(f"bias-variance-vs-{key}", f"Bias and variance against {key}", caption, rows, paint, x=key)


def _measured(group: Group) -> bool:
    return all(finite(group.mean(metric)) for metric in ("test/bias2", "test/variance"))


def _curves(groups: Sequence[Group], key: str) -> dict[str, Points]:
    curves: dict[str, Points] = {metric: [] for metric in _MAIN}
    for group in sorted(groups, key=lambda one: float(one.value(key))):
        linear = group.mean("test/pca_variance") is not None  # else PCA of other rows than the replicas'
        for metric in _NAMES if linear else [name for name in _NAMES if not _of_pca(name)]:
            value = group.estimate(metric, two_way=True)
            if metric == "test/error" and value is None:
                parts = (group.mean("test/bias2") or 0.0, group.mean("test/variance") or 0.0)
                value = Estimate(sum(parts), n=len(group.runs))
            if value is not None and finite(value.mean) and (metric != "test/noise" or value.mean > 0):
                curves.setdefault(metric, []).append((float(group.value(key)), value))
    return curves


def _of_pca(metric: str) -> bool:
    return metric.startswith("test/pca_")


def _paint(theme: Theme, title: str, found: Sequence[Panel], key: str, unit_name: str) -> Figure:
    xs = [x for panel in found for x, _ in panel.curves["test/error"]]
    scale = scale_of(xs)
    figure, grid = panels(len(found), title, unit_name)
    looks = _looks(theme)
    own = [curve for panel in found for metric, curve in panel.curves.items() if not _of_pca(metric)]
    means = [value.mean for curve in own for _, value in curve]
    logarithmic = spans_decades(value.mean for panel in found for _, value in panel.curves["test/error"])
    floor = 0.7 * min(mean for mean in means if mean > 0) if logarithmic else min(0.0, *means)
    for axes, panel in zip(grid, found, strict=True):
        name_panel(axes, panel.title)
        for metric, curve in panel.curves.items():
            _line(axes, scale, curve, floor, *looks[metric])
        dress(axes, theme, scale, xs, 4.9 if len(found) == 1 else 2.6)
        _mark(axes, theme, scale, panel.curves["test/error"], panel.best)
    grid[0].set_ylim(bottom=floor, top=grid[0].get_ylim()[1] * (2.0 if logarithmic else 1.06))
    if logarithmic:
        log_upwards(grid[0])
    present = [metric for metric in _NAMES if any(metric in panel.curves for panel in found)]
    handles = []
    for metric in present:
        colour, style, width = looks[metric]
        handles += grid[0].plot([], [], linestyle=style, color=colour, linewidth=width, label=_NAMES[metric])
    figure.legend(handles=handles, loc="outside right upper")
    figure.supxlabel(plain(key, 60), size=9.5)
    return figure


def _looks(theme: Theme) -> dict[str, tuple[str, LineStyle, float]]:
    bias2, variance = theme.colours[:2]
    return {
        "test/error": (theme.ink, "-", 2.0),
        "test/bias2": (bias2, "-", 1.8),
        "test/variance": (variance, "-", 1.8),
        "test/variance_data": (variance, "-.", 1.2),
        "test/variance_init": (variance, ":", 1.4),
        "test/noise": (theme.quiet, ":", 1.2),
        "test/pca_error": (theme.ink, PCA_DASHES, 1.2),
        "test/pca_bias2": (bias2, PCA_DASHES, 1.2),
        "test/pca_variance": (variance, PCA_DASHES, 1.2),
    }


def _line(
    axes: Axes,
    scale: Scale,
    curve: Points,
    floor: float,
    colour: str,
    style: LineStyle,
    width: float,
) -> None:
    places = [scale.place(x) for x, _ in curve]
    means = [max(floor, value.mean) for _, value in curve]
    axes.plot(places, means, linestyle=style, color=colour, linewidth=width)
    if width < 1.8:  # a part of a part: no points, no band
        return
    axes.plot(places, means, "o", color=colour, markersize=3.5)
    if any(value.half for _, value in curve):
        lows = [max(floor, value.mean if value.low is None else value.low) for _, value in curve]
        highs = [value.mean if value.high is None else value.high for _, value in curve]
        axes.fill_between(places, lows, highs, color=colour, alpha=0.16, linewidth=0)


def _mark(axes: Axes, theme: Theme, scale: Scale, curve: Points, best: float) -> None:
    index = next((at for at, (x, _) in enumerate(curve) if x == best), None)
    if index is None:
        return
    x, value = curve[index]
    place = scale.place(x)
    axes.plot(place, value.mean, "o", markersize=9, markerfacecolor="none", markeredgecolor=theme.ink)
    side = "left" if index == 0 else "right" if index == len(curve) - 1 else "center"
    label = axes.annotate(
        f"{value.mean:.3g} at {shown(x)}",
        (place, value.mean if value.high is None else value.high),
        (0, 9),
        textcoords="offset points",
        ha=side,
        size=8.5,
        color=theme.ink,
        zorder=5,
    )
    label.set_path_effects([withStroke(linewidth=3, foreground=theme.paper)])
