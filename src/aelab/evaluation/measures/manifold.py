"""How much of one sample lies where another one is: precision and recall, density and coverage."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist

from aelab.evaluation.measures.intervals import mean_score
from aelab.evaluation.protocol import Score


def manifold_scores(real: np.ndarray, new: np.ndarray, k: int) -> list[Score]:
    """Of features of real ``[n, F]`` and new examples ``[m, F]``, by balls that reach to the k-th nearest neighbour.

    - ``precision``: share of new examples in some real one's ball; ``recall``: share of real ones in some new one's
      (Kynkaanniemi et al. 2019).
    - ``density``: real balls that a new example is in, over k; ``coverage``: share of real balls with a new example in
      them (Naeem et al. 2020). Both are about 1 of one distribution, density can be more.

    t-intervals over new examples (precision, density) or real ones (recall, coverage), the balls held as they are.
    """
    apart = cdist(real, new)
    of_real, of_new = (_reach(x, k) for x in (real, new))
    within = apart <= of_real[:, None]
    return [
        mean_score("precision", within.any(0).astype(np.float64), share=True),
        mean_score("recall", (apart <= of_new).any(1).astype(np.float64), share=True),
        mean_score("density", within.sum(0) / k),
        mean_score("coverage", within.any(1).astype(np.float64), share=True),
    ]


def _reach(x: np.ndarray, k: int) -> np.ndarray:
    """The distance of each ``[n]`` to its k-th nearest other one."""
    found: np.ndarray = np.partition(cdist(x, x), k, axis=1)[:, k]
    return found
