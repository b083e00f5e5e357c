"""Arrays of a file as values, labels and weights; UserError for what can be none."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from aelab.errors import UserError


def as_text(labels: np.ndarray) -> np.ndarray:
    """Labels in bytes as text, so that they compare with what is typed; others as they are."""
    if labels.dtype.kind != "S":
        return labels
    try:
        return np.char.decode(labels, "utf-8")
    except UnicodeDecodeError:
        return np.char.decode(labels, "latin-1")


def as_values(x: np.ndarray, path: Path) -> np.ndarray:
    """Real numbers as they are, of no more than double precision; UserError for anything else."""
    if x.dtype.kind not in "biuf":
        raise UserError(f"data.path={path}: values of type {x.dtype}; save real numbers (float32 or uint8)")
    return x.astype(np.float64) if x.dtype.itemsize > 8 else x


def as_weights(weights: np.ndarray, count: int, path: Path) -> np.ndarray:
    """What each of ``count`` examples counts, float64; UserError for what is no number for each."""
    if weights.dtype.kind not in "biuf" or weights.size != count:
        raise UserError(
            f"data.weight data.path={path}: an array of {weights.dtype} of shape {list(weights.shape)} for {count} "
            "examples; save one number of 0 or more for each"
        )
    return weights.reshape(-1).astype(np.float64)


def as_labels(labels: np.ndarray, path: Path) -> np.ndarray:
    """Labels that can be told apart; UserError for those that are missing, or no numbers, text or times."""
    if labels.dtype.kind not in "biufSUmM":
        raise UserError(f"data.path={path}: labels of type {labels.dtype}; save whole numbers or text")
    if missing := int(np.isnat(labels).sum() if labels.dtype.kind in "mM" else (labels != labels).sum()):
        raise UserError(f"data.path={path}: {missing} of {len(labels)} labels are NaN; leave such examples out")
    return as_text(labels)
