"""What a sweep's W&B report and workspace hold, in our own words: plain data, built without W&B."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from aelab.comparison.figures.figure import SavedFigure, numeric_keys
from aelab.comparison.figures.scale import scale_of
from aelab.comparison.finite import finite
from aelab.comparison.groups import Comparison
from aelab.comparison.report.wandb_summary import Chart, charts, picture_key, summary_id
from aelab.comparison.runs import RunRecord
from aelab.comparison.swept import short_names
from aelab.comparison.wording import count
from aelab.runs.manifest import read_manifest

PARTS = ("test/error", "test/bias2", "test/variance")
MOST_KEYS = 3
Kind = Literal["chart", "scatter", "bars", "lines", "parallel", "comparer", "media"]


@dataclass(frozen=True)
class Axis:
    """A number of a run: a key of its config or, where `config` is false, a metric."""

    name: str
    label: str
    config: bool = False
    log: bool = False


@dataclass(frozen=True)
class Panel:
    """One panel. `axes`: x and y of a scatter, the columns of parallel coordinates, the metrics of bars or lines."""

    kind: Kind
    title: str
    axes: tuple[Axis, ...] = ()
    chart: Chart | None = None
    media: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """A heading, a sentence, and panels over the sweep's runs or over its summary alone."""

    title: str
    text: str
    panels: tuple[Panel, ...]
    over_summary: bool = False


@dataclass(frozen=True)
class Spec:
    """A report: its runs are those of the groups `sweeps`, its charts those of the run `summary`."""

    title: str
    text: str
    sweeps: tuple[str, ...]
    summary: str
    sections: tuple[Section, ...]


def report_spec(comparison: Comparison, figures: Sequence[SavedFigure]) -> Spec:
    """Bias and variance, training, settings side by side, and pictures."""
    sections = (_tradeoff(comparison), _charts(figures), _training(), _settings(comparison), _pictures(comparison.runs))
    return Spec(
        f"{comparison.name[:100]}: bias and variance",
        _text(comparison),
        tuple(sorted({comparison.name[:100], *(run.sweep for run in comparison.runs if run.sweep)})),
        summary_id(comparison.name),
        tuple(section for section in sections if section.panels),
    )


def _text(comparison: Comparison) -> str:
    directories = {run.directory for run in comparison.runs}
    unfinished = {run.directory for run in comparison.unfinished}
    status = f"{count(len(directories), 'run')}, {len(directories - unfinished)} complete."
    return f"{status} They differ in {', '.join(comparison.keys)}." if comparison.keys else status


def _tradeoff(comparison: Comparison) -> Section:
    metrics = [Axis(metric, metric.partition("/")[2]) for metric in PARTS if _reached(comparison, metric)]
    panels = [
        Panel("scatter", f"{metric.label} against {key.label}", (key, metric))
        for key in _swept_numbers(comparison)
        for metric in metrics
    ]
    if len(metrics) == len(PARTS):
        panels.append(Panel("bars", "bias² and variance of each run", tuple(metrics[1:])))
    text = "error = bias² + variance, summed over the values of a test example; each point is a run."
    return Section("Bias and variance", text, tuple(panels))


def _charts(figures: Sequence[SavedFigure]) -> Section:
    panels: list[Panel] = []
    for figure in figures:
        found = [Panel("chart", chart.title, chart=chart) for chart in charts(figure)]
        panels += found or [Panel("media", figure.drawing.title, media=(picture_key(figure),))]
    return Section("Over seeds and replicas", "The figures of report.html.", tuple(panels), True)


def _training() -> Section:
    metrics = [Axis(f"{part}/error", part) for part in ("val", "train")]
    return Section("Training", "", tuple(Panel("lines", axis.name, (axis,)) for axis in metrics))


def _settings(comparison: Comparison) -> Section:
    keys = [Axis(_in_wandb(key, comparison.runs), name, True) for key, name in short_names(comparison.keys).items()]
    columns = [*keys, *(Axis(metric, metric) for metric in PARTS if _reached(comparison, metric))]
    panels = [Panel("comparer", "What differs")]
    if keys and len(columns) > 1:
        panels.insert(0, Panel("parallel", "Settings and what they reached", tuple(columns)))
    return Section("Settings", "", tuple(panels))


def _pictures(runs: Iterable[RunRecord]) -> Section:
    found = sorted({f"pictures/{name.removesuffix('.png')}" for run in runs for name in run.pictures()})
    return Section("Pictures", "", tuple(Panel("media", name.partition("/")[2], media=(name,)) for name in found))


def _reached(comparison: Comparison, metric: str) -> bool:
    return any(finite(run.metrics.get(metric)) for run in comparison.runs)


def _swept_numbers(comparison: Comparison) -> list[Axis]:
    names = short_names(comparison.keys)
    keys = [key for key in numeric_keys(comparison.groups, comparison.keys) if not _is_list(key, comparison.runs[0])]
    return [Axis(key, names[key], True, _is_logarithmic(comparison, key)) for key in keys[:MOST_KEYS]]


def _is_logarithmic(comparison: Comparison, key: str) -> bool:
    values = [float(group.value(key)) for group in comparison.groups if group.value(key) is not None]
    return min(values) > 0 and scale_of(values).base > 0


def _is_list(key: str, run: RunRecord) -> bool:
    """Whether what is a number here, the width of a single layer, is a list in W&B, which has no axis for it."""
    node: Any = read_manifest(run.directory) or {}
    for part in ("config", *key.split(".")):
        node = node.get(part) if isinstance(node, dict) else None
    return isinstance(node, list)


def _in_wandb(key: str, runs: Iterable[RunRecord]) -> str:
    """A group stands for its name here and is a table in W&B."""
    named = "." not in key and any(isinstance(run.config.get(key), str) for run in runs)
    return f"{key}.name" if named else key
