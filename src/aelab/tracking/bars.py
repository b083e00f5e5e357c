"""The test error of choices that are not numbers, as bars; in its two parts where they were measured."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aelab.tracking.comparison import Group
from aelab.tracking.drawing import Drawing, numbers, unit
from aelab.tracking.runs import finite
from aelab.tracking.style import Theme
from aelab.tracking.verdict import TWO_WAY, seeds_in_words
from aelab.tracking.wording import estimate, plain

_MOST = 20
_PARTS = ("test/bias2", "test/variance")


def error_bars(groups: Sequence[Group], keys: Sequence[str]) -> Drawing | None:
    """Horizontal bars from zero, the best on top."""
    known = [group for group in groups if finite(group.mean("test/error"))]
    if len(known) < 2:
        return None
    drawn = known[:_MOST]
    parts = all(finite(group.mean(part)) and group.mean(part) >= 0 for group in drawn for part in _PARTS)  # type: ignore[operator]
    seeds = seeds_in_words(drawn)
    caption = "The error is the sum of bias² and variance." if parts else ""
    if seeds:
        caption += f" Whiskers: {seeds}."
    elif any(group.estimate("test/error").half for group in drawn):  # type: ignore[union-attr]
        caption += f" Whiskers: {TWO_WAY.partition(': ')[2]}." if parts else " Whiskers: 95 % intervals."
    if any(finite(group.mean("test/pca_error")) for group in drawn):
        caption += " Dashed: PCA with the same code size."
    if len(drawn) < len(known):
        caption += f" The {_MOST} lowest of {len(known)} are drawn."
    metrics = ("test/error", *(_PARTS if parts else ()), "test/pca_error")
    rows = [
        numbers("", group.label(keys), ("", ""), metric, found, floor=0.0)
        for group in drawn
        for metric in metrics
        if (found := group.estimate(metric))
    ]

    def paint(theme: Theme) -> Figure:
        return _paint(theme, drawn, keys, parts)

    title = "Test error" + (" in its two parts" if parts else "")
    return Drawing("error-by-choice", title, caption.strip(), rows, paint)


def _paint(theme: Theme, groups: Sequence[Group], keys: Sequence[str], parts: bool) -> Figure:
    figure = Figure(figsize=(6.4, 1.3 + 0.42 * len(groups)), layout="constrained")
    axes = figure.subplots()
    figure.suptitle("Test error", x=0.012, ha="left", weight="bold", size=11)
    figure.supxlabel(unit(groups), size=9.5)
    axes.grid(False)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_yticks(range(len(groups)), [plain(group.label(keys), 34) for group in groups])
    axes.invert_yaxis()
    for row, group in enumerate(groups):
        _bar(axes, theme, row, group, parts)
    axes.set_xlim(left=0)
    axes.margins(x=0.2)
    if parts:
        handles = [
            axes.barh([0], [0], color=colour, label=label)
            for colour, label in zip(theme.colours, ("bias²", "variance"), strict=False)
        ]
        figure.legend(handles=handles, loc="outside right upper")
    return figure


def _bar(axes: Axes, theme: Theme, row: int, group: Group, parts: bool) -> None:
    found = group.estimate("test/error")
    assert found is not None
    if parts:
        bias2, variance = (group.mean(part) or 0.0 for part in _PARTS)
        axes.barh(row, bias2, height=0.6, color=theme.colours[0])
        axes.barh(row, variance, left=bias2, height=0.6, color=theme.colours[1])
    else:
        axes.barh(row, found.mean, height=0.6, color=theme.colours[0])
    end = found.mean
    if found.half:
        axes.errorbar(found.mean, row, xerr=found.half, color=theme.ink, linewidth=1.2, capsize=2.5)
        end += found.half
    pca = group.mean("test/pca_error")
    if pca is not None and finite(pca):
        axes.plot([pca, pca], [row - 0.5, row + 0.5], "--", color=theme.quiet, linewidth=1.4)
        end = max(end, pca) if abs(pca - end) < 0.35 * end and pca > end * 0.98 else end
    axes.annotate(estimate(found.mean, found.half), (end, row), (6, 0), textcoords="offset points", va="center", size=9)
