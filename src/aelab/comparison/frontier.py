"""One metric against another over the runs of a sweep, such as error against sparsity."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from aelab.comparison.groups import Group
from aelab.errors import UserError

Point = tuple[float, float]


def points(groups: Iterable[Group], x: str, y: str) -> dict[str, list[Point]]:
    """For each model the points (x, y) of its groups (means over seeds), by rising x.

    Raises UserError where no run has both metrics.
    """
    lines: dict[str, list[Point]] = {}
    for group in groups:
        a = group.mean(x)
        b = group.mean(y)
        if a is not None and b is not None:
            lines.setdefault(str(group.value("model")), []).append((a, b))
    if not lines:
        raise UserError(
            f"no complete run has both {x} and {y}; ask for their evaluation when training, or later with "
            "scripts/evaluate.py"
        )
    return {label: sorted(line) for label, line in sorted(lines.items())}


def draw(lines: Mapping[str, list[Point]], x: str, y: str, directory: Path) -> Path:
    """Write ``frontier.png`` into the directory: a line a model, the lower the better at any x."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4.5), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for label, line in lines.items():
        axes.plot(*zip(*line, strict=True), "o-", markersize=5, label=label)
    axes.set(xlabel=x, ylabel=y)
    axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    path = directory / "frontier.png"
    figure.savefig(path)
    return path
