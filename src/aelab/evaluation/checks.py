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
    """UserError where a part has no labels or the training part only one class."""
    data.require_labels()
    assert data.train.labels is not None
    classes = np.unique(data.train.labels)
    if len(classes) < 2:
        raise UserError(f"data={data.name}: all training examples have the label {classes[0]}; two classes are needed")
