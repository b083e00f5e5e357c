"""Runs side by side: what differs between them, and what they reached, over seeds."""

import csv
import io
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from aelab.comparison.choosing import best_first, choose_by
from aelab.comparison.intervals import is_uncertainty
from aelab.comparison.runs import UNREADABLE, RunRecord, find_runs
from aelab.comparison.swept import choices, short_names, swept_keys
from aelab.comparison.tasks import tasks
from aelab.comparison.units import Units
from aelab.comparison.wording import plain, shown
from aelab.errors import UserError
from aelab.machines.atomic_files import write_whole
from aelab.runs.record import is_number

_ALWAYS_IN_CSV = ("model", "data", "error", "network.code_size")


class Estimate(NamedTuple):
    """A mean over `n` seeds and the ends of its 95 % interval, if there is one. The ends need not be equally far."""

    mean: float
    low: float | None = None
    high: float | None = None
    n: int = 1

    @property
    def half(self) -> float | None:
        """Half of the interval's width."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2


@dataclass(frozen=True)
class Group:
    """Complete runs that are equal in everything but the seed, one for each seed."""

    runs: tuple[RunRecord, ...]

    @property
    def units(self) -> Units:
        """Of the error these runs minimise."""
        return self.runs[0].units

    def value(self, key: str) -> Any:
        return self.runs[0].config.get(key)

    def label(self, keys: Sequence[str]) -> str:
        """`sparse_l1, weight 0.1`: choices by their name alone, other keys with theirs."""
        names = short_names(keys)
        values = {key: self.value(key) for key in keys if key in self.runs[0].config}
        speaking = {key for key, value in values.items() if "." not in key and isinstance(value, str | None)}
        parts = [("" if key in speaking else f"{names[key]} ") + shown(values[key]) for key in values]
        return plain(", ".join(parts), 60)

    def mean(self, metric: str) -> float | None:
        values = [run.metrics[metric] for run in self.runs if metric in run.metrics]
        return math.fsum(values) / len(values) if values else None

    def pca(self) -> float | None:
        """The error of PCA with the same code size, which is squared: None beside another kind of error."""
        return self.mean("test/pca_error") if self.units.is_squared else None

    def estimate(self, metric: str, two_way: bool = False) -> Estimate | None:
        """Mean and 95 % interval: over seeds (t) if there are several, else the run's own.

        `two_way` prefers the runs' own intervals, over test examples and replicas. Seeds share the test examples,
        so the distances to their ends are averaged over seeds, not shrunk.
        """
        beside = metric.startswith("test/pca_") and not self.units.is_squared
        mean = None if beside else self.mean(metric)
        if mean is None:
            return None
        known = [run for run in self.runs if metric in run.metrics]
        own = [run.intervals[metric] for run in known if metric in run.intervals]
        if len(own) == len(known) and (two_way or len(known) == 1):
            low, high = (math.fsum(ends) / len(ends) for ends in zip(*own, strict=True))
            return Estimate(mean, low, high, len(known))
        half = t_interval([run.metrics[metric] for run in known])
        if half is None:
            return Estimate(mean, n=len(known))
        return Estimate(mean, mean - half, mean + half, len(known))


@dataclass(frozen=True)
class Comparison:
    """All runs, the keys that tell them apart (seed aside), and the complete ones grouped over seeds."""

    name: str
    runs: list[RunRecord]
    keys: list[str]
    groups: list[Group]

    @property
    def unfinished(self) -> list[RunRecord]:
        """Runs that are failed, interrupted, running or unreadable."""
        return [run for run in self.runs if not run.complete]

    def problems(self) -> dict[str, list[Group]]:
        """The groups whose errors are comparable: the same test examples and error. Best first, by validation."""
        return {label: best_first(groups) for label, groups in tasks(self.groups, self.keys).items()}


def gather(directories: Iterable[Path], best: str | None = None) -> Comparison:
    """Read every run under the directories and set them side by side; ``best``: what they are chosen by
    (``choose_by``), else each run's monitor."""
    directories = list(directories)
    for directory in directories:
        if not directory.is_dir():
            name = plain(str(directory))
            raise UserError(f"no such directory: {name}; name one that holds runs, like outputs/demo")
    runs = find_runs(directories)
    if not runs:
        where = ", ".join(plain(str(directory)) for directory in directories)
        raise UserError(f"no runs found under {where} (no manifest.json): train some with scripts/train.py")
    runs = choose_by(runs, best) if best is not None else runs
    sweeps = {plain(run.sweep) for run in runs if run.status != UNREADABLE}
    name = sweeps.pop() if len(sweeps) == 1 else plain(directories[0].resolve().name)
    keys = swept_keys([run for run in runs if run.config])
    return Comparison(name, runs, keys, group_over_seeds(runs))


def group_over_seeds(runs: Iterable[RunRecord]) -> list[Group]:
    """Complete runs by everything but their seed. The same seed twice counts once: the last one found."""
    complete = [run for run in runs if run.complete]
    found: dict[frozenset[tuple[str, str]], dict[str, RunRecord]] = {}
    for run, chosen in zip(complete, choices(complete), strict=True):
        found.setdefault(frozenset(chosen.items()), {})[str(run.seed)] = run
    return [Group(tuple(by_seed.values())) for by_seed in found.values()]


def t_interval(values: Sequence[float]) -> float | None:
    """Half of the 95 % t-interval of the mean; None for fewer than two values."""
    n = len(values)
    if n < 2 or not all(map(math.isfinite, values)):
        return None
    from scipy.special import stdtrit

    mean = math.fsum(values) / n
    variance = math.fsum((value - mean) ** 2 for value in values) / (n - 1)
    return float(stdtrit(n - 1, 0.975)) * math.sqrt(variance / n)


def rows(comparison: Comparison, beside: Path) -> list[dict[str, Any]]:
    """One tidy row per run: keys, seed, metrics, time and failure; directories relative to `beside`."""
    keys = list(dict.fromkeys([*_ALWAYS_IN_CSV, *comparison.keys]))
    metrics = sorted({metric for run in comparison.runs for metric in run.metrics})
    return [
        {"run_id": plain(run.run_id), "sweep": plain(run.sweep), "status": run.status}
        | {key: _cell(run, key) for key in keys}
        | {"seed": run.seed if is_number(run.seed) else None}
        | {metric: run.metrics.get(metric) for metric in metrics}
        | {"parameters": run.parameters, "fit_s": run.fit_s, "failure": run.failure}
        | {"directory": os.path.relpath(run.directory, beside)}
        for run in comparison.runs
    ]


def over_seeds(comparison: Comparison) -> list[dict[str, Any]]:
    """One row per configuration: for each metric the mean over seeds, half of the 95 % interval, and its ends."""
    keys = list(dict.fromkeys([*_ALWAYS_IN_CSV, *comparison.keys]))
    known = {metric for run in comparison.runs for metric in run.metrics}
    metrics = sorted(metric for metric in known if not is_uncertainty(metric, known))
    table = []
    for group in comparison.groups:
        found = {metric: group.estimate(metric) for metric in metrics}
        row = {key: _cell(group.runs[0], key) for key in keys} | {"seeds": len(group.runs)}
        for metric, one in found.items():
            row |= {metric: one and one.mean, f"{metric} ± (95 %)": one and one.half}
        for metric, one in found.items():
            row |= {f"{metric} low (95 %)": one and one.low, f"{metric} high (95 %)": one and one.high}
        table.append(row)
    return table


def write_csv(table: Sequence[dict[str, Any]], path: Path) -> Path:
    """Write rows of equal keys as CSV; no text in it is a formula to a spreadsheet."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(_no_formula, table[0]))
    writer.writerows(map(_no_formula, row.values()) for row in table)
    return write_whole(path, text.getvalue())


def _no_formula(cell: Any) -> Any:
    if not isinstance(cell, str):
        return cell
    quote = "'" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else ""
    return quote + cell.replace("\r", " ")  # which csv leaves unquoted, though some take it for the end of a line


def _cell(run: RunRecord, key: str) -> Any:
    value = run.config.get(key)
    return value if key not in run.config or is_number(value) else shown(value)
