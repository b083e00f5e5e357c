"""How anomalous an example is, as numbers ``[N]``: the more, the larger."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn.neighbors import NearestNeighbors

from aelab.evaluation.checks import require_varying
from aelab.evaluation.protocol import Coder

Scorer = Callable[[np.ndarray], np.ndarray]


def squared_errors(x: np.ndarray, reconstruction: np.ndarray) -> np.ndarray:
    """Squared error of each example ``[N, D]``, summed over its values: the score unless another is asked for."""
    return np.square(reconstruction - x).sum(1, dtype=np.float64)


def error_scorer(coder: Coder, train: np.ndarray) -> Scorer:
    """``squared_errors`` of the coder's reconstructions."""
    return lambda x: squared_errors(x, coder.reconstruct(x))


def relative_error_scorer(coder: Coder, train: np.ndarray) -> Scorer:
    """``squared_errors`` over the length of the example, ``|r - x|^2 / |x|``; over 1 where it is 0.

    For pictures on a dark ground, whose errors are small where there is little to rebuild, whatever it is.
    """

    def scores(x: np.ndarray) -> np.ndarray:
        length = np.sqrt(np.square(x).sum(1, dtype=np.float64))
        return squared_errors(x, coder.reconstruct(x)) / np.where(length == 0, 1, length)

    return scores


def mahalanobis_scorer(coder: Coder, train: np.ndarray) -> Scorer:
    """Squared Mahalanobis distance of a code to the mean of the training codes, by their covariance.

    Directions in which no training code varies are left out (pseudoinverse).
    """
    known = require_varying(coder.encode(train)).astype(np.float64)
    mean, precision = known.mean(0), np.linalg.pinv(np.atleast_2d(np.cov(known.T)), hermitian=True)

    def scores(x: np.ndarray) -> np.ndarray:
        centred = coder.encode(x) - mean
        return np.einsum("ni,ni->n", centred @ precision, centred)

    return scores


def error_and_distance_scorer(coder: Coder, train: np.ndarray) -> Scorer:
    """Error and squared Mahalanobis distance of the code, each over its mean on the training examples, added.

    As a Gaussian around principal axes adds the distance off their subspace to the one within (Tipping & Bishop 1999),
    but with equal weights: an anomaly that is rebuilt well may still have a code that is far off.
    """
    parts = [error_scorer(coder, train), mahalanobis_scorer(coder, train)]
    means = [max(float(part(train).mean()), np.finfo(np.float32).tiny) for part in parts]
    return lambda x: parts[0](x) / means[0] + parts[1](x) / means[1]


def neighbour_scorer(coder: Coder, train: np.ndarray, neighbours: int = 5) -> Scorer:
    """Mean distance of a code to the ``neighbours`` nearest training codes (Angiulli & Pizzuti 2002)."""
    known = require_varying(coder.encode(train))
    search = NearestNeighbors(n_neighbors=min(neighbours, len(known))).fit(known)
    return lambda x: search.kneighbors(coder.encode(x))[0].mean(1)


SCORERS = {
    "error": error_scorer,
    "relative_error": relative_error_scorer,
    "error_and_distance": error_and_distance_scorer,
    "mahalanobis": mahalanobis_scorer,
    "neighbours": neighbour_scorer,
}
