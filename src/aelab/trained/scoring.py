"""The anomaly score that a run was evaluated by, kept in the run: ``anomaly_score.npz``, written by its evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from aelab.errors import UserError
from aelab.evaluation.measures.anomaly_scores import SCORERS
from aelab.runs.array_file import read_arrays, write_arrays

EVALUATION = "anomaly_detection"
FILE = "anomaly_score.npz"
LIMIT = 2**30  # bytes of the file, and of all its arrays: training codes may be among them
SHAPES = {"mean": "h", "precision": "hh", "scales": "2", "codes": "nh", "centre": "h", "threshold": "1"}
NEEDED = {
    "error": (),
    "relative_error": (),
    "mahalanobis": ("mean", "precision"),
    "joint_mahalanobis": ("mean", "precision"),
    "error_and_distance": ("mean", "precision", "scales"),
    "neighbours": ("codes",),
    "centre": ("centre",),
}
JOINT = ("joint_mahalanobis",)  # whose moments are of code and residual together


class Scoring(NamedTuple):
    """``score``: its name. ``statistics``: what it remembers of the training part. ``threshold``: above it, an example
    is called an anomaly."""

    score: str
    statistics: Mapping[str, np.ndarray]
    threshold: float


def keep_scoring(directory: Path, score: str, members: Sequence[Mapping[str, np.ndarray]], file: str = FILE) -> None:
    """Keep the statistics and thresholds of a run's members in ``file``, in the order of its settings and replicas.

    Each is called by the ``score``, too: after a kill on the way to the manifest the two may be of different ones.
    """
    arrays = {f"{index}.{score}.{name}": values for index, one in enumerate(members) for name, values in one.items()}
    write_arrays(directory / file, arrays)


def kept_scoring(
    directory: Path, manifest: Mapping[str, Any], member: int, code_size: int, input_size: int
) -> Scoring | None:
    """The scoring of one member; None of a run that was never asked ``evaluation=anomaly_detection``.

    Raises UserError where the run was asked before that was kept, or its file is not one that a run writes.
    """
    entry = (manifest.get("evaluations") or {}).get(EVALUATION)
    if not entry:
        return None
    score = (entry.get("config") or {}).get("score")
    fix = f"measure it again: python scripts/evaluate.py run={directory} evaluation={EVALUATION} force=true"
    if score not in SCORERS:
        raise UserError(f"{directory}: {EVALUATION} has score={score}, which no evaluation has; {fix}")
    arrays = read_arrays(directory, FILE, f"{member}.{score}.", LIMIT)
    names = (*NEEDED[score], "threshold")
    size = code_size + input_size if score in JOINT else code_size
    if not all(name in arrays and _fits(arrays[name], SHAPES[name], size) for name in names):
        raise UserError(f"{directory}: what its anomaly score ({score}) remembers is not in {FILE}; {fix}")
    statistics = {name: arrays[name] for name in NEEDED[score]}
    return Scoring(score, statistics, float(arrays["threshold"][0]))


def _fits(values: np.ndarray, shape: str, size: int) -> bool:
    sizes = {"h": size, "1": 1, "2": 2}
    wanted = tuple(sizes.get(letter, values.shape[0] if values.ndim else 0) for letter in shape)
    return values.shape == wanted and values.dtype in (np.float32, np.float64) and bool(np.isfinite(values).all())
