"""Anomaly detection on ADBench tables: fit and score against PyOD's AutoEncoder in time, and side by side in AUROC."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from aelab.benchmarks.anomaly_methods import PYOD, one_model, our_replicas, pyod_scores, split_of
from aelab.benchmarks.anomaly_side_by_side import side_by_side
from aelab.benchmarks.timing import Case, Row, cpu_seconds, measure

TABLES = Path("data", "adbench")
# of the comparison in time; the last two are PyOD's defaults
TIMED = ("cardio", "pendigits")
EPOCHS = 10
BATCH = 32


def benchmark(rounds: int) -> list[Row]:
    if not list(TABLES.glob("*_*.npz")):
        print(f"anomaly: no tables in {TABLES}, nothing is measured; see docs/evaluation/anomaly_detection.md")
        return []
    timed = [row for table in TIMED for row in _in_time(table, rounds)]
    tables = sorted((path.stem.partition("_")[2] for path in TABLES.glob("*_*.npz")), key=str.lower)
    return [*timed, *side_by_side(tables, range(rounds))]


def _in_time(table: str, rounds: int) -> list[Row]:
    """Seconds of a fit, with validation and checkpoints, and the scores of the test part."""
    overrides = [f"trainer.max_epochs={EPOCHS}", f"data.batch_size={BATCH}"]
    one = split_of(table, 0, *overrides, "replicas=none")
    several = split_of(table, 0, *overrides)
    count = several.config.replicas.count
    against = (PYOD,) if find_spec("pyod") else ()
    cases = [
        Case("ours, one model", lambda: cpu_seconds(lambda: one_model(one)), against),
        Case(f"ours, each of {count} in one fit", lambda: cpu_seconds(lambda: our_replicas(several)) / count, against),
    ]
    if against:
        cases.append(Case(PYOD, lambda: cpu_seconds(lambda: pyod_scores(one))))
    return measure(f"fit and score, {table}, {EPOCHS} epochs, batch {BATCH}", cases, rounds)
