"""Methods of anomaly detection on one split of a table, each with the settings that validation may choose among."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from omegaconf import DictConfig

from aelab.benchmarks import ours
from aelab.building.build import build_data
from aelab.building.fit import Fit, Member
from aelab.evaluation.baselines.linear import PCACoder
from aelab.evaluation.baselines.outliers import (
    ecod,
    isolation_forest,
    local_outlier_factor,
    mahalanobis,
    neighbour_distance,
)
from aelab.evaluation.measures.anomaly_scores import SCORERS, Scorer
from aelab.evaluation.protocol import Coder
from aelab.fitting.replication import Replication
from aelab.models import Autoencoder
from aelab.runs.best_checkpoint import BestCheckpoint
from aelab.trained.coder import TrainedCoder

PYOD = "PyOD AutoEncoder"
SCORES = ("error", "error_and_distance", "mahalanobis", "joint_mahalanobis")
NEIGHBOURS = (5, 20, 50, 100, 200, 400)
DENSITIES = (20, 100)  # neighbours of local outlier factor
COMPONENTS = (2, 4, 8, 16, 32)
SEARCHED = 10_000  # training rows at most among which neighbours are looked for


class Split(NamedTuple):
    """Training, validation and test rows ``[N, D]``, standardised by the first, and which of the last two are
    anomalies."""

    train: np.ndarray
    val: np.ndarray
    test: np.ndarray
    val_anomaly: np.ndarray
    anomaly: np.ndarray
    config: DictConfig
    seed: int


class Scores(NamedTuple):
    """Of one fitted model: of the validation and of the test rows."""

    val: np.ndarray
    test: np.ndarray


Method = Callable[[Split], dict[str, list[Scores]]]
"""By setting: the scores of each model that was fitted."""


def split_of(table: str, seed: int, *overrides: str) -> Split:
    """A table divided by ``seed``, with the config of the recipe."""
    config = ours.compose(
        "experiment=adbench", f"data.table={table}", f"data.split_seed={seed}", f"seed={seed}", *overrides
    )
    data = build_data(config)
    train, val, test = (data.examples(part).numpy() for part in ("train", "val", "test"))
    of_val, of_test = (np.asarray(data.labels[part]) == "anomaly" for part in ("val", "test"))
    return Split(train, val, test, of_val, of_test, config, seed)


def methods() -> dict[str, Method]:
    """By name; the first is ours."""
    found: dict[str, Method] = {
        "ours": lambda split: _by_scores(our_replicas(split), split),
        "PCA": _pca,
        "isolation forest": lambda split: {"": [_scores(isolation_forest(split.train, split.seed), split)]},
        "Mahalanobis": lambda split: {"": [_scores(mahalanobis(split.train), split)]},
        "kNN": lambda split: _among(NEIGHBOURS, neighbour_distance, split),
        "LOF": lambda split: _among(DENSITIES, local_outlier_factor, split),
        "ECOD": lambda split: {"": [_scores(ecod(split.train), split)]},
    }
    return found | ({PYOD: pyod_scores} if find_spec("pyod") else {})


def our_replicas(split: Split) -> list[Coder]:
    """The recipe, fitted with its replicas."""
    with tempfile.TemporaryDirectory() as folder:
        replication = Replication(split.config, Path(folder))
        fitted = replication.fit(None)
        models = [replication.lone(fitted, member) for member in range(replication.count)]
    return [TrainedCoder(model, "ours") for model in models]


def one_model(split: Split) -> Scores:
    """The same with one model, and its scores."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        fit = Fit([Member(split.config)], build_data(split.config), BestCheckpoint(path), path)
        fit.run()
        fit.keep_best()
        model: Autoencoder = fit.model
    score = split.config.evaluation.anomaly_detection.score
    return _scores(SCORERS[score](TrainedCoder(model.eval(), "ours"), split.train), split)


def pyod_scores(split: Split) -> dict[str, list[Scores]]:
    """PyOD's AutoEncoder as it is by default."""
    from pyod.models.auto_encoder import AutoEncoder

    detector = AutoEncoder(device=torch.device("cpu"), verbose=0, random_state=split.seed)
    detector.fit(split.train)
    return {"": [_scores(lambda x: np.asarray(detector.decision_function(x)), split)]}


def _pca(split: Split) -> dict[str, list[Scores]]:
    values = split.train.shape[1]
    coders = {size: PCACoder(split.train, size) for size in {min(size, values - 1) for size in COMPONENTS}}
    # of a table with fewer values than a setting asks for, the most that loses something
    chosen = {size: coders[min(size, values - 1)] for size in COMPONENTS}
    return {
        f"{size} components, {name}": found
        for size, coder in chosen.items()
        for name, found in _by_scores([coder], split).items()
        if name != "joint_mahalanobis"  # of PCA that is the distance of the raw values
    }


def _by_scores(coders: list[Coder], split: Split) -> dict[str, list[Scores]]:
    return {name: [_scores(SCORERS[name](coder, split.train), split) for coder in coders] for name in SCORES}


def _among(
    settings: tuple[int, ...], fit: Callable[[np.ndarray, int], Scorer], split: Split
) -> dict[str, list[Scores]]:
    rows = np.random.default_rng(split.seed).permutation(len(split.train))[:SEARCHED]
    known = split.train[rows]
    return {f"{count} neighbours": [_scores(fit(known, min(count, len(known) - 1)), split)] for count in settings}


def _scores(scorer: Scorer, split: Split) -> Scores:
    return Scores(scorer(split.val), scorer(split.test))
