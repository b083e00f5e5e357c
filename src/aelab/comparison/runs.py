"""A run as its directory tells it: the manifest, the training curves, the pictures."""

import json
import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeGuard

from aelab.comparison.curve import Curve, read_curves
from aelab.comparison.swept import flatten
from aelab.comparison.wording import plain
from aelab.errors import UserError
from aelab.tracking.containment import check_contained
from aelab.tracking.manifest import state

UNREADABLE = "unreadable"
_NOT_RUNS = {"checkpoints", "figures", "pictures", "wandb"}


@dataclass(frozen=True)
class Run:
    """One run, or one setting of a fit that carried several (`varied`).

    `config` is flat (dotted keys), `metrics` holds numbers only, `intervals` the 95 % intervals that the run itself
    has of some of them; `curves` are those of evaluations, by `<evaluation>/<curve>`.
    """

    directory: Path
    status: str
    run_id: str
    sweep: str
    seed: Any = None
    overrides: tuple[str, ...] = ()
    config: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    parameters: float | None = None
    fit_s: float | None = None
    failure: str = ""
    trace: str = ""
    varied: bool = False
    curves: dict[str, Curve] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        return self.status == "complete"

    def history(self) -> list[dict[str, float]]:
        """The rows of metrics.jsonl, one per epoch; what a resumed run wrote again counts once."""
        epochs: dict[float, dict[str, float]] = {}
        for row in _rows(self.directory / "metrics.jsonl"):
            numbers = _numbers(row)
            if "epoch" in numbers:
                epochs.setdefault(numbers["epoch"], {}).update(numbers)
        return [epochs[epoch] for epoch in sorted(epochs)]

    def pictures(self) -> list[Path]:
        """The PNGs of the run."""
        return sorted((self.directory / "pictures").glob("*.png"))


def find_runs(directories: Iterable[Path]) -> list[Run]:
    """Every run under the directories, once. A manifest that cannot be read is a run, too."""
    found = {manifest.resolve(): manifest for top in directories for manifest in find_manifests(top)}
    return [run for manifest in found.values() for run in read_runs(manifest.parent)]


def read_runs(directory: Path) -> list[Run]:
    """What one manifest tells: one run, or one for each setting that was varied within its fit."""
    path = directory / "manifest.json"
    try:
        check_contained(directory)
        manifest = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(manifest, dict):
            raise ValueError(f"it holds a {type(manifest).__name__}, not an object")
        runs = _settings(_from_manifest(directory, manifest), manifest)
        return [replace(run, intervals=_intervals(run, manifest.get("evaluations"))) for run in runs]
    except (OSError, ValueError, RecursionError) as problem:
        reason = str(problem) if isinstance(problem, UserError) else f"manifest.json cannot be read: {problem}"
        failure = plain(reason)
        return [Run(directory, UNREADABLE, directory.name, directory.parent.name, failure=failure)]


def find_manifests(top: Path) -> Iterator[Path]:
    for folder, inner, files in os.walk(top):
        inner[:] = sorted(name for name in inner if name not in _NOT_RUNS and not name.startswith("."))
        if "manifest.json" in files:
            yield Path(folder) / "manifest.json"


def _from_manifest(directory: Path, manifest: dict[str, Any]) -> Run:
    config = manifest.get("config")
    timings = manifest.get("timings")
    overrides = manifest.get("overrides")
    failure, trace = _failure(manifest.get("error"))
    return Run(
        directory,
        status=plain(state(directory, manifest)),
        run_id=str(manifest.get("run_id") or directory.name),
        sweep=str(manifest.get("sweep") or directory.parent.name),
        seed=manifest.get("seed", config.get("seed") if isinstance(config, dict) else None),
        overrides=tuple(map(str, overrides)) if isinstance(overrides, list) else (),
        config=flatten(config) if isinstance(config, dict) else {},
        metrics=_numbers(manifest.get("metrics")),
        parameters=_numbers(manifest).get("parameters"),
        fit_s=_numbers(timings).get("fit_s"),
        failure=failure,
        trace=trace,
        curves=read_curves(manifest, 0),
    )


def _settings(run: Run, manifest: dict[str, Any]) -> list[Run]:
    replicas = manifest.get("replicas")
    settings = replicas.get("settings") if isinstance(replicas, dict) else None
    told = [
        (index, one)
        for index, one in enumerate(settings or [])
        if isinstance(one, dict) and isinstance(one.get("values"), dict)
    ]
    return [
        replace(
            run,
            config=run.config | one["values"],
            metrics=_numbers(one.get("metrics")),
            varied=True,
            curves=read_curves(manifest, index),
        )
        for index, one in told
    ] or [run]


def _intervals(run: Run, evaluations: Any) -> dict[str, tuple[float, float]]:
    """Of metrics with a standard error, and of an evaluation's rows, by the names they have among the metrics."""
    found = {}
    for name, value in run.metrics.items():
        if finite(error := run.metrics.get(f"{name}_se")):
            found[name] = (value - 1.959964 * error, value + 1.959964 * error)
    for name, entry in evaluations.items() if isinstance(evaluations, dict) else []:
        for row in entry.get("rows", []) if isinstance(entry, dict) else []:
            key = f"{name}/{row['metric']}" + ("" if row["method"] == run.config.get("model") else f"_{row['method']}")
            if row["value"] == run.metrics.get(key) and finite(row["low"]) and finite(row["high"]):
                found[key] = (row["low"], row["high"])
    return found


def _failure(error: Any) -> tuple[str, str]:
    if not error:
        return "", ""
    if not isinstance(error, dict):
        return plain(str(error)), ""
    line = ": ".join(str(error[key]) for key in ("type", "message") if error.get(key))
    return plain(line) or "unknown error", str(error.get("trace") or "")


def _numbers(values: Any) -> dict[str, float]:
    if not isinstance(values, dict):
        return {}
    return {key: value for key, value in values.items() if is_number(value)}


def _rows(path: Path) -> Iterator[Any]:
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return
    for line in lines:
        try:
            yield json.loads(line)
        except (ValueError, RecursionError):  # the last line of a run that was killed is often torn
            continue


def is_number(value: Any) -> bool:
    """Whether a value is a number; true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def finite(value: float | None) -> TypeGuard[float]:
    """Whether there is a number and it can be drawn."""
    return value is not None and math.isfinite(value)
