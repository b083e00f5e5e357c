"""The squared maximum mean discrepancy of two samples, which is 0 only of one distribution."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist

from aelab.evaluation.protocol import Score


def mmd_score(metric: str, real: np.ndarray, new: np.ndarray, width: float | None = None) -> Score:
    """``E k(x, x') + E k(y, y') - 2 E k(x, y)``, k = exp(-|x - y|^2 / 2 width^2), unbiased (Gretton et al. 2012).

    ``width``: the median distance of real examples where None. With a 95 % interval from each example's part in it,
    of both samples; where both come from one distribution that part vanishes and the interval is too narrow.
    """
    x = real.astype(np.float64)
    y = new.astype(np.float64)
    among = cdist(x, x)
    width = float(np.median(among[np.triu_indices(len(x), 1)])) if width is None else width
    width = width or 1.0

    def kernel(distance: np.ndarray) -> np.ndarray:
        found: np.ndarray = np.exp(-np.square(distance / width) / 2)
        return found

    apart = kernel(cdist(x, y))
    within_x = (kernel(among).sum(1) - 1) / (len(x) - 1)
    within_y = (kernel(cdist(y, y)).sum(1) - 1) / (len(y) - 1)
    value = within_x.mean() + within_y.mean() - 2 * apart.mean()
    parts = (2 * within_x - 2 * apart.mean(1), 2 * within_y - 2 * apart.mean(0))
    half = 1.96 * np.sqrt(sum(part.var(ddof=1) / len(part) for part in parts))
    centred = tuple(part - part.mean() + value for part in parts)
    return Score(metric, float(value), float(value - half), float(value + half), False, centred)
