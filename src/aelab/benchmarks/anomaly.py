"""Anomaly detection on ADBench tables: fit and score against PyOD's AutoEncoder in time, and side by side in AUROC."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from omegaconf import DictConfig
from scipy.special import stdtrit
from sklearn.ensemble import IsolationForest

from aelab.benchmarks import ours
from aelab.benchmarks.timing import Case, Row, cpu_seconds, measure, silenced
from aelab.building.build import build_data
from aelab.building.fit import Fit, Member
from aelab.evaluation.anomaly_detection import pca_beside
from aelab.evaluation.measures.anomaly_scores import SCORERS
from aelab.evaluation.measures.detection import auroc_score
from aelab.evaluation.protocol import Coder
from aelab.fitting.replication import Replication
from aelab.models import Autoencoder
from aelab.runs.best_checkpoint import BestCheckpoint
from aelab.trained.coder import TrainedCoder

TABLES = Path("data", "adbench")
# of the comparison in time; the last two are PyOD's defaults
TIMED = ("cardio", "pendigits")
EPOCHS = 10
BATCH = 32
SEEDS = range(5)  # of the splits
PYOD = "PyOD AutoEncoder"


class Split(NamedTuple):
    """Training and test rows ``[N, D]``, standardised by the former, and which of the latter are anomalies."""

    train: np.ndarray
    test: np.ndarray
    anomaly: np.ndarray
    config: DictConfig
    seed: int


Method = Callable[[Split], list[np.ndarray]]  # scores of the test rows, by each model that was fitted


def benchmark(rounds: int) -> list[Row]:
    if not list(TABLES.glob("*_*.npz")):
        print(f"anomaly: no tables in {TABLES}, nothing is measured; see docs/evaluation/anomaly_detection.md")
        return []
    timed = [row for table in TIMED for row in _in_time(table, rounds)]
    return [*timed, *_side_by_side()]


def _in_time(table: str, rounds: int) -> list[Row]:
    """Seconds of a fit, with validation and checkpoints, and the scores of the test part."""
    overrides = [f"trainer.max_epochs={EPOCHS}", f"data.batch_size={BATCH}"]
    one = _split(table, 0, *overrides, "replicas=none")
    several = _split(table, 0, *overrides)
    count = several.config.replicas.count
    against = (PYOD,) if find_spec("pyod") else ()
    cases = [
        Case("ours, one model", lambda: cpu_seconds(lambda: our_scores(one)), against),
        Case(f"ours, each of {count} in one fit", lambda: cpu_seconds(lambda: our_scores(several)) / count, against),
    ]
    if against:
        cases.append(Case(PYOD, lambda: cpu_seconds(lambda: pyod_scores(one))))
    return measure(f"fit and score, {table}, {EPOCHS} epochs, batch {BATCH}", cases, rounds)


def _side_by_side() -> Iterator[Row]:
    """AUROC of every method on the same splits of every table, then means over tables."""
    methods: dict[str, Method] = {"ours": our_scores, "PCA": pca_scores, "isolation forest": forest_scores}
    if find_spec("pyod"):
        methods[PYOD] = pyod_scores
    tables = sorted((path.stem.partition("_")[2] for path in TABLES.glob("*_*.npz")), key=str.lower)
    found: dict[str, list[list[float]]] = {name: [] for name in methods}  # [table][seed]
    seconds = dict.fromkeys(methods, 0.0)
    for table in tables:
        splits = [_split(table, seed) for seed in SEEDS]
        for name, method in methods.items():
            began = time.process_time()
            with silenced():
                found[name].append([_area(split, method(split)) for split in splits])
            seconds[name] += time.process_time() - began
            yield _row(table, name, found[name][-1])
    means = {name: np.mean(areas, axis=0) for name, areas in found.items()}
    for name, areas in means.items():
        yield _row(f"mean of {len(tables)} tables", name, areas, seconds[name])
    for name in list(means)[1:]:
        yield _row(f"mean of {len(tables)} tables", f"ours minus {name}", means["ours"] - means[name])


def _split(table: str, seed: int, *overrides: str) -> Split:
    config = ours.compose(
        "experiment=adbench", f"data.table={table}", f"data.split_seed={seed}", f"seed={seed}", *overrides
    )
    data = build_data(config)
    anomaly = np.asarray(data.labels["test"]) == "anomaly"
    return Split(data.examples("train").numpy(), data.examples("test").numpy(), anomaly, config, seed)


def our_scores(split: Split) -> list[np.ndarray]:
    """Fit the recipe, one model or its replicas, and score the test rows."""
    with tempfile.TemporaryDirectory() as folder:
        alone = split.config.replicas.name == "none"
        models = [_one(split.config, Path(folder))] if alone else _replicas(split.config, Path(folder))
    return [_scored(TrainedCoder(model.eval(), "ours"), split) for model in models]


def _scored(coder: Coder, split: Split) -> np.ndarray:
    """By the recipe's score."""
    return SCORERS[split.config.evaluation.anomaly_detection.score](coder, split.train)(split.test)


def _one(config: DictConfig, folder: Path) -> Autoencoder:
    fit = Fit([Member(config)], build_data(config), BestCheckpoint(folder), folder)
    fit.run()
    fit.keep_best()
    return fit.model


def _replicas(config: DictConfig, folder: Path) -> list[Autoencoder]:
    replication = Replication(config, folder)
    fitted = replication.fit(None)
    return [replication.lone(fitted, member) for member in range(replication.count)]


def pyod_scores(split: Split) -> list[np.ndarray]:
    """PyOD's AutoEncoder as it is by default."""
    from pyod.models.auto_encoder import AutoEncoder

    detector = AutoEncoder(device=torch.device("cpu"), verbose=0, random_state=split.seed)
    return [np.asarray(detector.fit(split.train).decision_function(split.test))]


def pca_scores(split: Split) -> list[np.ndarray]:
    return [_scored(pca_beside(split.train, split.config.network.code_size), split)]


def forest_scores(split: Split) -> list[np.ndarray]:
    return [-IsolationForest(random_state=split.seed).fit(split.train).score_samples(split.test)]


def _area(split: Split, scores: list[np.ndarray]) -> float:
    return float(np.mean([auroc_score(each, split.anomaly).value for each in scores]))


def _row(group: str, name: str, areas: list[float] | np.ndarray, seconds: float = 0.0) -> Row:
    """The mean over splits with its t-interval; splits share rows, so it is a little too narrow."""
    mean = float(np.mean(areas))
    n = len(areas)
    half = float(stdtrit(n - 1, 0.975) * np.std(areas, ddof=1) / np.sqrt(n))
    note = f"AUROC {mean:.3f} ({mean - half:.3f} to {mean + half:.3f})"
    row = {"name": f"AUROC, {group}: {name}", "median_s": seconds, "ratio": None, "against": None, "n": n}
    return {**row, "auroc": mean, "low": mean - half, "high": mean + half, "note": note}
