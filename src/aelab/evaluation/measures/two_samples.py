"""Whether new examples are told from real ones, and whether they are copies of training examples."""

from __future__ import annotations

import warnings

import numpy as np
from scipy.spatial.distance import cdist

from aelab.evaluation.measures.intervals import accuracy_score
from aelab.evaluation.protocol import Score

HIDDEN = 64  # units of the classifier


def told_apart(metric: str, real: np.ndarray, new: np.ndarray, seed: int) -> Score:
    """The accuracy of a classifier of real and new examples ``[n, D]``, trained on half of each, on the other half
    (Lopez-Paz & Oquab 2017): 1/2 where there is no telling. Wilson's interval over that half."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    x = np.concatenate([real, new]).astype(np.float64)
    kind = np.repeat([0, 1], [len(real), len(new)])
    order = np.random.default_rng(seed).permutation(len(x))
    known, asked = np.array_split(order, 2)
    scale = x[known].std() or 1.0
    x = (x - x[known].mean(0)) / scale
    classifier = MLPClassifier(HIDDEN, alpha=1e-2, max_iter=60, random_state=seed % 2**32)
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier.fit(x[known], kind[known])
    return accuracy_score(metric, classifier.predict(x[asked]) == kind[asked])


def nearest_distances(x: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distance of each example ``[n, D]`` to the nearest known one, and which that is, ``[n]``."""
    parts = [cdist(some, known) for some in np.array_split(x, max(1, len(x) * len(known) // 2**22))]
    index = np.concatenate([part.argmin(1) for part in parts])
    return np.concatenate([part.min(1) for part in parts]), index


def nearer_than(metric: str, new: np.ndarray, real: np.ndarray) -> Score:
    """The chance that a new example's distance ``[m]`` to the training examples is below a test example's ``[n]``
    (Meehan et al. 2020): 1/2 of one distribution, 1 of copies. With DeLong's interval over both."""
    below = (new[:, None] < real) + 0.5 * (new[:, None] == real)
    of_new = below.mean(1)
    of_real = below.mean(0)
    value = float(below.mean())
    half = 1.96 * float(np.sqrt(of_new.var(ddof=1) / len(new) + of_real.var(ddof=1) / len(real)))
    return Score(metric, value, max(0.0, value - half), min(1.0, value + half), True, (of_new, of_real))
