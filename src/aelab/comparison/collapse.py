"""What raising the weight of a KL does, until the code collapses, beside the linear VAE's closed forms."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from aelab.comparison.groups import Group
from aelab.errors import UserError

KEY = "model.weight"
OURS = {
    "error of a drawn code": "test/error_sampled",
    "bias²": "test/bias2_sampled",
    "variance, code": "test/variance_code",
    "rate, nats": "test/rate",
}
SPREAD = {  # of replicas: the first, or of nested plans the others
    "variance, replicas": "test/variance_sampled",
    "variance, data": "test/variance_data_sampled",
    "variance, initialisation": "test/variance_init_sampled",
}
LINEAR = {
    "error of a drawn code": "collapse/linear_error_sampled",
    "bias²": "collapse/linear_error",
    "variance, code": "collapse/linear_variance_code",
    "rate, nats": "collapse/linear_rate",
}
RATE = "rate, nats"


class Row(NamedTuple):
    """One weight: the run's figures and the linear VAE's, by name."""

    weight: float
    ours: dict[str, float]
    linear: dict[str, float]


def rows(groups: Iterable[Group]) -> list[Row]:
    """A row for each weight (means over seeds); UserError where no run has what is drawn."""
    found = []
    for group in groups:
        sides = [
            {name: mean for name, metric in names.items() if (mean := group.mean(metric)) is not None}
            for names in (OURS | SPREAD, LINEAR)
        ]
        if set(OURS) <= set(sides[0]) and group.value(KEY) is not None:
            found.append(Row(float(group.value(KEY)), *sides))
    if not found:
        raise UserError(
            f"no complete run has {KEY} and {', '.join(OURS.values())}; train with replicas=... replicas.draws=4, like "
            "python scripts/train.py -m experiment=tradeoff_beta"
        )
    return sorted(found)


def draw(found: list[Row], directory: Path) -> Path:
    """Write ``collapse.png`` into the directory: errors on the left, the rate on the right, the linear VAE dashed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    errors, rate = figure.subplots(1, 2, width_ratios=(3, 2))
    palette = ("#1b1f24", "#0072b2", "#009e73", "#332288", "#d55e00", "#d55e00", "#cc79a7")
    for name, colour in zip(OURS | SPREAD, palette, strict=True):
        axes = rate if name == RATE else errors
        measured = [(row.weight, row.ours[name]) for row in found if name in row.ours]
        if measured:
            axes.plot(*zip(*measured, strict=True), "o-", color=colour, label=name)
        known = [(row.weight, row.linear[name]) for row in found if name in row.linear]
        if known:
            axes.plot(*zip(*known, strict=True), "--", color=colour)
    for axes in (errors, rate):
        axes.plot([], [], "--", color="0.4", label="linear VAE, closed form")
        axes.set(xscale="log", xlabel=KEY)
        axes.set_ylim(bottom=0)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=8)
    errors.set_ylabel("squared error per example, summed over values")
    rate.set_ylabel(RATE)
    path = directory / "collapse.png"
    figure.savefig(path)
    return path
