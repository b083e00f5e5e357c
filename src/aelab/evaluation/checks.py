"""What an evaluation cannot work with, said in one line."""

from __future__ import annotations

import numpy as np

from aelab.errors import UserError
from aelab.evaluation.protocol import Examples


def require_varying(code: np.ndarray) -> np.ndarray:
    """The codes ``[N, H]``; UserError where they are not finite or all the same."""
    if not np.isfinite(code).all():
        raise UserError("codes are NaN or infinite; train the run again with a lower optimizer.lr")
    if len(code) > 1 and not np.ptp(code, axis=0).any():
        raise UserError("all examples have the same code, which tells nothing; code_health says more about the run")
    return code


def require_classes(data: Examples) -> None:
    """UserError where a part has no labels, or ones that are no classes, or the training part only one class."""
    data.require_labels()
    assert data.train.labels is not None
    for part in (data.train, data.val, data.test):
        assert part.labels is not None
        if part.labels.dtype.kind == "f" and (odd := part.labels != np.round(part.labels)).any():
            raise UserError(
                f"data={data.name}: labels are no classes, like {part.labels[odd][0]:.4g}; name a column of "
                "classes with data.label (evaluation=popularity predicts numbers)"
            )
    classes = np.unique(data.train.labels)
    if len(classes) < 2:
        raise UserError(f"data={data.name}: all training examples have the label {classes[0]}; two classes are needed")


def require_counts(data: Examples) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels of the training, validation and test part as float64 ``[N]``.

    UserError where there are none, or they are not numbers of 0 or more, or all the same.
    """
    data.require_labels()
    counts = []
    for part in (data.train, data.val, data.test):
        assert part.labels is not None
        if part.labels.dtype.kind not in "biuf":
            raise UserError(
                f"data={data.name}: labels are text, like {str(part.labels[0])!r}; counts are needed, name their "
                "column with data.label"
            )
        counts.append(part.labels.astype(np.float64))
        if not (np.isfinite(counts[-1]) & (counts[-1] >= 0)).all():
            raise UserError(f"data={data.name}: labels from {counts[-1].min():.4g}; counts are finite and 0 or more")
    if not np.ptp(counts[0]):
        raise UserError(f"data={data.name}: all training examples have the label {counts[0][0]:.4g}; two are needed")
    return counts[0], counts[1], counts[2]
