"""How the figures look: two themes, a palette for all eyes, and labels that stand beside what they name."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean as mean
from textwrap import fill
from typing import Any

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from aelab.comparison.wording import plain

MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LINES = len(MARKERS)  # more lines than this in one panel are no longer told apart
PANELS = 6


@dataclass(frozen=True)
class Theme:
    """Colours. `colours` are told apart with every common colour vision; `ramp` is for ordered values."""

    name: str
    paper: str
    ink: str
    quiet: str
    faint: str
    colours: tuple[str, ...]
    ramp: tuple[float, float]

    def ordered(self, count: int) -> list[str]:
        """Colours for `count` values in order."""
        low, high = self.ramp
        steps = [low + (high - low) * index / max(1, count - 1) for index in range(count)]
        return [to_hex(colormaps["viridis"](step)) for step in steps]


LIGHT = Theme(
    name="light",
    paper="#ffffff",
    ink="#1b1f24",
    quiet="#5c6570",
    faint="#e3e6ea",
    colours=("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#332288", "#5e2c00", "#666666"),
    ramp=(0.0, 0.78),
)
DARK = Theme(
    name="dark",
    paper="#15181d",
    ink="#e8eaed",
    quiet="#a3abb5",
    faint="#2c323a",
    colours=("#56b4e9", "#ee7733", "#009e73", "#ffb3a0", "#f2e35e", "#e6e6e6", "#9aa0a8"),
    ramp=(0.3, 1.0),
)


def settings(theme: Theme) -> dict[Any, Any]:
    """The matplotlib settings of a theme. Text is never read as mathematics: names may hold any letter."""
    return {
        "text.parse_math": False,
        "font.size": 10,
        "figure.facecolor": theme.paper,
        "savefig.facecolor": theme.paper,
        "axes.facecolor": theme.paper,
        "axes.edgecolor": theme.quiet,
        "axes.labelcolor": theme.ink,
        "axes.titlelocation": "left",
        "axes.titlesize": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.grid.axis": "y",
        "axes.axisbelow": True,
        "grid.color": theme.faint,
        "grid.linewidth": 0.8,
        "text.color": theme.ink,
        "xtick.color": theme.quiet,
        "ytick.color": theme.quiet,
        "xtick.labelcolor": theme.ink,
        "ytick.labelcolor": theme.ink,
        "xtick.labelsize": 9,
        "ytick.labelsize": 9,
        "lines.linewidth": 1.8,
        "lines.markersize": 5,
        "legend.frameon": False,
        "legend.fontsize": 9,
        "svg.hashsalt": "aelab",
    }


def panels(count: int, title: str, unit: str) -> tuple[Figure, list[Axes]]:
    """A figure of `count` equal panels with shared axes, its title, and the unit of the vertical axis."""
    columns = {1: 1, 2: 2, 4: 2}.get(count, 3)
    lines = -(-count // columns)
    width, height = (6.4, 3.9) if count == 1 else (3.1 * columns + 1.2, 2.6 * lines + 0.6)
    figure = Figure(figsize=(width, height), layout="constrained")
    grid = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).flatten()
    for spare in grid[count:]:
        spare.remove()
    for axes in grid[:count]:
        axes.tick_params(labelbottom=True, length=3)
        axes.margins(x=0.04)
    figure.suptitle(plain(title, 60), x=0.012, ha="left", weight="bold", size=11)
    figure.supylabel(unit if count == 1 or lines > 1 else unit.replace(", ", ",\n"), size=9.5)
    return figure, list(grid[:count])


def name_panel(axes: Axes, title: str) -> None:
    """The panel's title, on two lines if it is long."""
    axes.set_title(fill(plain(title, 54), 28))


def label_ends(axes: Axes, theme: Theme, ends: Sequence[tuple[float, str, str, str]]) -> None:
    """Write each (height, label, colour, marker) beside the end of its line, moved apart where they meet."""
    low, high = axes.get_ylim()
    axes.set_ylim(low, high)
    to_fraction = axes.transData + axes.transAxes.inverted()
    x = axes.get_xlim()[1]
    placed = sorted((float(to_fraction.transform((x, end[0]))[1]), *end[1:]) for end in ends)
    heights = _apart([height for height, *_ in placed], 0.062)
    for height, (_, label, colour, marker) in zip(heights, placed, strict=True):
        if marker:
            axes.plot(1.025, height, marker, color=colour, transform=axes.transAxes, clip_on=False)
        axes.annotate(
            plain(label, 32),
            xy=(1.025, height),
            xycoords="axes fraction",
            xytext=(8 if marker else -2, 0),
            textcoords="offset points",
            va="center",
            size=9,
            color=theme.ink if marker else colour,
            annotation_clip=False,
        )


def _apart(heights: Sequence[float], gap: float) -> list[float]:
    """Move ascending heights as little as needed for `gap` between neighbours; they stay within 0 and 1."""
    blocks: list[list[float]] = []  # runs of neighbours that touch, as the bottoms they wish for
    for index, height in enumerate(heights):
        blocks.append([height - index * gap])
        while len(blocks) > 1 and mean(blocks[-2]) > mean(blocks[-1]):
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    wished = [mean(block) for block in blocks for _ in block]
    highest = max(0.0, 1.0 - (len(heights) - 1) * gap)
    return [min(max(0.0, bottom), highest) + index * gap for index, bottom in enumerate(wished)]
