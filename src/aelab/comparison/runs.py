"""A run as its directory tells it: the manifest, the training curves, the pictures."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from aelab.comparison.figures.curve import Curve, read_curves
from aelab.comparison.finite import finite
from aelab.comparison.intervals import drawn_by, own_intervals
from aelab.comparison.swept import flatten
from aelab.comparison.units import UNKNOWN, Units, units_of
from aelab.comparison.wording import plain, printable
from aelab.errors import UserError
from aelab.machines.regular_files import list_inside, read_inside
from aelab.runs.containment import check_contained
from aelab.runs.history_file import rows_of
from aelab.runs.manifest import state
from aelab.runs.record import read_record

UNREADABLE = "unreadable"
PICTURE = 32 * 2**20  # bytes of a PNG
MOST_EPOCHS = 10**9
_NOT_RUNS = {"checkpoints", "figures", "pictures", "wandb"}


@dataclass(frozen=True)
class RunRecord:
    """One run, or one setting of a fit that carried several (`varied`).

    `config` is flat (dotted keys), `metrics` holds numbers only, `intervals` the 95 % intervals that the run itself
    has of some of them; `drawn` is the number of replicas (data
    sets, partitions) that they rest on; `monitor` names the metric the run is chosen by, the lowest unless `highest`;
    `fingerprint` names its test part;
    `curves` are those of evaluations, by `<evaluation>/<curve>`.
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
    drawn: int | None = None
    setting: int = 0
    monitor: str = "val/error"
    highest: bool = False
    fingerprint: str = ""
    parameters: float | None = None
    fit_s: float | None = None
    units: Units = UNKNOWN
    failure: str = ""
    trace: str = ""
    varied: bool = False
    curves: dict[str, Curve] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        return self.status == "complete"

    @property
    def readable(self) -> bool:
        """Whether what the run says is shown: nothing is of one whose directory holds what no run writes."""
        return self.status != UNREADABLE

    def history(self) -> list[dict[str, float]]:
        """The rows of metrics.jsonl, one per epoch; what a resumed run wrote again counts once."""
        epochs: dict[float, dict[str, float]] = {}
        for row in rows_of(self.directory, "metrics.jsonl") if self.readable else ():
            if 0 <= row.get("epoch", -1) < MOST_EPOCHS:
                epochs.setdefault(row["epoch"], {}).update(row)
        return [epochs[epoch] for epoch in sorted(epochs)]

    def pictures(self) -> list[str]:
        """The names of the run's PNGs."""
        names = list_inside(self.directory, "pictures") if self.readable else []
        return [name for name in names if name.endswith(".png")]

    def picture(self, name: str, *folder: str) -> bytes | None:
        """The content of a PNG, or of that in a ``folder`` of the pictures; None where it cannot be read."""
        try:
            return read_inside(self.directory, "pictures", *folder, name, limit=PICTURE)
        except OSError:
            return None


def find_runs(directories: Iterable[Path]) -> list[RunRecord]:
    """Every run under the directories, once. A manifest that cannot be read is a run, too."""
    found = {os.path.realpath(manifest): manifest for top in directories for manifest in find_manifests(top)}
    return [run for manifest in found.values() for run in read_runs(manifest.parent)]


def read_runs(directory: Path) -> list[RunRecord]:
    """What one manifest tells: one run, or one for each setting that was varied within its fit."""
    try:
        check_contained(directory)
        manifest = printable(read_record(directory))
    except (UserError, OSError) as problem:
        failure = misread(directory, problem)
        return [RunRecord(directory, UNREADABLE, directory.name, directory.parent.name, failure=failure)]
    runs = _settings(_from_manifest(directory, manifest), manifest)
    examples = ((manifest.get("data") or {}).get("sizes") or {}).get("test")
    return [replace(run, intervals=_intervals(run, examples, manifest.get("evaluations") or {})) for run in runs]


def misread(directory: Path, problem: Exception) -> str:
    """Why a run is not shown, in a row that names it already."""
    return plain(str(problem).removeprefix(f"{directory}: "))


def find_manifests(top: Path) -> Iterator[Path]:
    for folder, inner, files in os.walk(top):
        inner[:] = sorted(name for name in inner if name not in _NOT_RUNS and not name.startswith("."))
        if "manifest.json" in files:
            yield Path(folder) / "manifest.json"


def _from_manifest(directory: Path, manifest: dict[str, Any]) -> RunRecord:
    config = flatten(manifest.get("config") or {})
    failure, trace = _failure(manifest.get("error"))
    return RunRecord(
        directory,
        status=_status(state(directory, manifest)),
        run_id=str(manifest.get("run_id") or directory.name),
        sweep=str(manifest.get("sweep") or directory.parent.name),
        seed=manifest.get("seed", config.get("seed")),
        overrides=tuple(manifest.get("overrides") or ()),
        config=config,
        metrics=manifest.get("metrics") or {},
        drawn=drawn_by(manifest),
        monitor=str(manifest.get("monitor") or "val/error"),
        fingerprint=str(((manifest.get("data") or {}).get("fingerprints") or {}).get("test") or ""),
        parameters=manifest.get("parameters"),
        units=units_of(manifest, config.get("error")),
        fit_s=(manifest.get("timings") or {}).get("fit_s"),
        failure=failure,
        trace=trace,
        curves=read_curves(manifest, 0),
    )


def _settings(run: RunRecord, manifest: dict[str, Any]) -> list[RunRecord]:
    settings = (manifest.get("replicas") or {}).get("settings") or []
    return [
        replace(
            run,
            config=run.config | one["values"],
            metrics=one["metrics"],
            varied=True,
            setting=index,
            curves=read_curves(manifest, index),
        )
        for index, one in enumerate(settings)
    ] or [run]


def _status(status: str) -> str:
    """What a manifest calls itself; it cannot pass for one that is not shown."""
    return plain(status, 40) if status != UNREADABLE else "unknown"


def _intervals(run: RunRecord, examples: int | None, evaluations: dict[str, Any]) -> dict[str, tuple[float, float]]:
    """Of metrics with a standard error, and of an evaluation's rows, by the names they have among the metrics."""
    found = own_intervals(run.metrics, examples, run.drawn)
    for name, entry in evaluations.items():
        for row in entry.get("rows") or ():
            key = f"{name}/{row['metric']}" + ("" if row["method"] == run.config.get("model") else f"_{row['method']}")
            low = row.get("low")
            high = row.get("high")
            if row["value"] == run.metrics.get(key) and finite(low) and finite(high):
                found[key] = (low, high)
    return found


def _failure(error: Any) -> tuple[str, str]:
    if not error:
        return "", ""
    if not isinstance(error, dict):
        return plain(str(error)), ""
    line = ": ".join(str(error[key]) for key in ("type", "message") if error.get(key))
    return plain(line) or "unknown error", str(error.get("trace") or "")
