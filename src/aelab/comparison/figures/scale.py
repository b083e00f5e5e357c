"""The scale that a set of values asks for, and ticks at the values themselves."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from aelab.comparison.figures.style import Theme
from aelab.comparison.wording import shown

SPAN = 1.5  # decades beyond which a linear scale hides the small values


@dataclass(frozen=True)
class Scale:
    """Where a value stands. On a logarithmic scale zero has its own place, before a break in the axis."""

    base: int = 0  # 0: linear
    zero: float = 0.0

    def place(self, value: float) -> float:
        if not self.base:
            return float(value)
        return math.log(value, self.base) if value > 0 else self.zero


def scale_of(values: Iterable[float]) -> Scale:
    """Base 2 for powers of two, base 10 for positive values over 1.5 decades (zero aside), else linear."""
    distinct = sorted({float(value) for value in values})
    positive = [value for value in distinct if value > 0]
    if len(positive) < 2 or distinct[0] < 0 or (len(positive) < len(distinct) and len(positive) < 3):
        return Scale()
    powers = len(positive) > 2 and all(math.log2(value).is_integer() for value in positive)
    if not powers and math.log10(positive[-1] / positive[0]) <= SPAN:
        return Scale()
    base = 2 if powers else 10
    places = [math.log(value, base) for value in positive]
    step = (places[-1] - places[0]) / (len(places) - 1)
    return Scale(base, places[0] - 1.2 * step)


def spans_decades(values: Iterable[float]) -> bool:
    """Whether values drawn upwards ask for a logarithmic axis."""
    found = [value for value in values if math.isfinite(value)]
    return bool(found) and min(found) > 0 and math.log10(max(found) / min(found)) > SPAN


def log_upwards(axes: Axes) -> None:
    """A logarithmic vertical axis with plain numbers on it."""
    axes.set_yscale("log")
    _plain_numbers(axes.yaxis, axes.get_ylim())


def log_rightwards(axes: Axes) -> None:
    """A logarithmic horizontal axis with plain numbers on it."""
    axes.set_xscale("log")
    _plain_numbers(axes.xaxis, axes.get_xlim())


def _plain_numbers(axis: Axis, limits: tuple[float, float]) -> None:
    low, high = limits
    steps = (1, 2, 5) if math.log10(high / low) < 2.5 else (1,)
    axis.set_major_locator(LogLocator(subs=steps))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def dress(axes: Axes, theme: Theme, scale: Scale, values: Iterable[float], width: float) -> None:
    """Put ticks at the values, as many as a panel `width` inches wide can hold, and mark a broken axis."""
    distinct = sorted(set(values))
    if not scale.base and len(distinct) > 9:
        return
    places = [scale.place(value) for value in distinct]
    ticks = _roomy(places, [shown(value) for value in distinct], width)
    axes.set_xticks([place for place, _ in ticks], [label for _, label in ticks])
    axes.minorticks_off()
    if scale.base and distinct[0] == 0:
        _break(axes, theme, (places[0] + places[1]) / 2)


def _break(axes: Axes, theme: Theme, place: float) -> None:
    """Two strokes across the horizontal axis, over a gap in it."""
    along = axes.get_xaxis_transform()
    axes.plot(place, 0, "s", color=theme.paper, markersize=6, transform=along, clip_on=False, zorder=9)
    for shift in (-3, 3):
        stroke = axes.annotate("/", (place, 0), (shift, 0), along, "offset points", zorder=10)
        stroke.set(color=theme.quiet, ha="center", va="center")


def _roomy(places: Sequence[float], labels: Sequence[str], width: float) -> list[tuple[float, str]]:
    """The ticks whose labels do not touch, the first and the last among them."""
    span = (places[-1] - places[0]) or 1.0
    inches = [(place - places[0]) / span * width * 0.92 for place in places]
    kept = [0]
    for index in range(1, len(places)):
        need = 0.042 * (len(labels[kept[-1]]) + len(labels[index])) + 0.08
        if inches[index] - inches[kept[-1]] >= need:
            kept.append(index)
        elif index == len(places) - 1 and len(kept) > 1:
            kept[-1] = index
    return [(places[index], labels[index]) for index in kept]
