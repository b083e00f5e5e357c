"""How anomalous an example is, as numbers ``[N]``: the more, the larger."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from sklearn.neighbors import NearestNeighbors

from aelab.evaluation.checks import require_varying
from aelab.evaluation.protocol import Coder

NEIGHBOURS = 5
FLAT = 1e-10  # of the largest variance: what varies less is rounding of float32, in which codes are calculated
Scorer = Callable[[np.ndarray], np.ndarray]
Statistics = Mapping[str, np.ndarray]
"""What a score remembers of the training examples; with it and the coder, anybody gets the same scores again."""


def squared_errors(x: np.ndarray, reconstruction: np.ndarray) -> np.ndarray:
    """Squared error of each example ``[N, D]``, summed over its values: the score unless another is asked for.

    Where some are NaN, not known, the others count for them, ``D / n`` times the sum over the n that are.
    """
    return np.square(residuals(x, reconstruction)).sum(1, dtype=np.float64) * _of_all(x)


def residuals(x: np.ndarray, reconstruction: np.ndarray) -> np.ndarray:
    """``r - x`` ``[N, D]``, 0 where x is not known."""
    apart = reconstruction - x
    return np.where(np.isnan(x), 0, apart) if np.isnan(x).any() else apart


def _of_all(x: np.ndarray) -> np.ndarray | int:
    """By what a sum over the values that are known of each example stands for all, ``[N]``."""
    gaps = np.isnan(x)
    return x.shape[1] / np.maximum(1, (~gaps).sum(1)) if gaps.any() else 1


def error_scorer(coder: Coder, train: np.ndarray) -> Scorer:
    """``squared_errors`` of the coder's reconstructions."""
    return _scorer("error", coder, train)


def relative_error_scorer(coder: Coder, train: np.ndarray) -> Scorer:
    """``squared_errors`` over the length of the example, ``|r - x|^2 / |x|``; over 1 where it is 0.

    For pictures on a dark ground, whose errors are small where there is little to rebuild, whatever it is.
    """
    return _scorer("relative_error", coder, train)


def mahalanobis_scorer(coder: Coder, train: np.ndarray) -> Scorer:
    """Squared Mahalanobis distance of a code to the mean of the training codes, by their covariance.

    Directions in which no training code varies are left out (pseudoinverse).
    """
    return _scorer("mahalanobis", coder, train)


def error_and_distance_scorer(coder: Coder, train: np.ndarray) -> Scorer:
    """Error and squared Mahalanobis distance of the code, each over its mean on the training examples, added.

    As a Gaussian around principal axes adds the distance off their subspace to the one within (Tipping & Bishop 1999),
    but with equal weights: an anomaly that is rebuilt well may still have a code that is far off.
    """
    return _scorer("error_and_distance", coder, train)


def joint_mahalanobis_scorer(coder: Coder, train: np.ndarray) -> Scorer:
    """Squared Mahalanobis distance of code and residual, ``x - r``, together: by the covariance of both.

    Of PCA it is the Mahalanobis distance of the example itself, whatever the code size, since code and residual are
    then a linear function of the example that loses nothing; what a nonlinear code adds to that distance is so told.
    """
    return _scorer("joint_mahalanobis", coder, train)


def neighbour_scorer(coder: Coder, train: np.ndarray, neighbours: int = NEIGHBOURS) -> Scorer:
    """Mean distance of a code to the ``neighbours`` nearest training codes (Angiulli & Pizzuti 2002)."""
    known = _codes(coder, train)
    return lambda x: _neighbour_distance(coder, known, x, neighbours)


def centre_scorer(coder: Coder, train: np.ndarray) -> Scorer:
    """Squared distance of a code to a centre: the coder's own, of ``model=one_class``, else the mean training code."""
    return _scorer("centre", coder, train)


def statistics_of(score: str, coder: Coder, train: np.ndarray) -> Statistics:
    """What ``score`` remembers of training examples ``[N, D]``.

    ``mean`` ``[H]`` and ``precision`` ``[H, H]`` of codes, or of codes and residuals ``[H + D]``, ``[H + D, H + D]``,
    ``scales`` ``[2]`` (mean error, mean distance), ``codes`` ``[N, H]``; nothing for errors.
    """
    return _FIT[score](coder, train)


def scores_by(score: str, coder: Coder, statistics: Statistics, x: np.ndarray) -> np.ndarray:
    """Scores ``[N]`` of examples ``[N, D]`` by what ``statistics_of`` found."""
    return _SCORE[score](coder, statistics, x)


def _scorer(score: str, coder: Coder, train: np.ndarray) -> Scorer:
    statistics = statistics_of(score, coder, train)
    return lambda x: scores_by(score, coder, statistics, x)


def _nothing(coder: Coder, train: np.ndarray) -> Statistics:
    return {}


def _gaussian(coder: Coder, train: np.ndarray) -> Statistics:
    return _moments(require_varying(coder.encode(train)).astype(np.float64))


def _joint_gaussian(coder: Coder, train: np.ndarray) -> Statistics:
    return _moments(require_varying(_code_and_residual(coder, train)))


def _code_and_residual(coder: Coder, x: np.ndarray) -> np.ndarray:
    return np.hstack([coder.encode(x), -residuals(_values(coder, x), coder.reconstruct(x))], dtype=np.float64)


def _moments(known: np.ndarray) -> Statistics:
    covariance = np.atleast_2d(np.cov(known.T))
    return {"mean": known.mean(0), "precision": np.linalg.pinv(covariance, rcond=FLAT, hermitian=True)}


def _scaled_gaussian(coder: Coder, train: np.ndarray) -> Statistics:
    found = _gaussian(coder, train)
    parts = (_error(coder, found, train), _distance(coder, found, train))
    return {**found, "scales": np.array([max(float(part.mean()), np.finfo(np.float32).tiny) for part in parts])}


def _codes(coder: Coder, train: np.ndarray) -> Statistics:
    return {"codes": require_varying(coder.encode(train))}


def _centre(coder: Coder, train: np.ndarray) -> Statistics:
    own = getattr(getattr(coder, "model", None), "centre", None)
    return {"centre": _codes(coder, train)["codes"].mean(0) if own is None else own.detach().cpu().numpy()}


def _error(coder: Coder, known: Statistics, x: np.ndarray) -> np.ndarray:
    return squared_errors(_values(coder, x), coder.reconstruct(x))


def _values(coder: Coder, x: np.ndarray) -> np.ndarray:
    """The examples in what a coder takes, which may have more beside them."""
    own = getattr(coder, "values", None)
    return x if own is None else own(x)


def _relative_error(coder: Coder, known: Statistics, x: np.ndarray) -> np.ndarray:
    again = coder.reconstruct(x)
    x = _values(coder, x)
    length = np.sqrt(np.nansum(np.square(x), 1, dtype=np.float64) * _of_all(x))
    return squared_errors(x, again) / np.where(length == 0, 1, length)


def _distance(coder: Coder, known: Statistics, x: np.ndarray) -> np.ndarray:
    return _mahalanobis(coder.encode(x), known)


def _joint_distance(coder: Coder, known: Statistics, x: np.ndarray) -> np.ndarray:
    return _mahalanobis(_code_and_residual(coder, x), known)


def _mahalanobis(values: np.ndarray, known: Statistics) -> np.ndarray:
    centred = values - known["mean"]
    return np.einsum("ni,ni->n", centred @ known["precision"], centred)


def _distance_to_centre(coder: Coder, known: Statistics, x: np.ndarray) -> np.ndarray:
    return np.square(coder.encode(x) - known["centre"]).sum(1, dtype=np.float64)


def _error_and_distance(coder: Coder, known: Statistics, x: np.ndarray) -> np.ndarray:
    error, distance = known["scales"]
    return _error(coder, known, x) / error + _distance(coder, known, x) / distance


def _neighbour_distance(coder: Coder, known: Statistics, x: np.ndarray, neighbours: int = NEIGHBOURS) -> np.ndarray:
    codes = known["codes"]
    search = NearestNeighbors(n_neighbors=min(neighbours, len(codes))).fit(codes)
    return search.kneighbors(coder.encode(x))[0].mean(1)


SCORERS = {
    "error": error_scorer,
    "relative_error": relative_error_scorer,
    "error_and_distance": error_and_distance_scorer,
    "mahalanobis": mahalanobis_scorer,
    "joint_mahalanobis": joint_mahalanobis_scorer,
    "neighbours": neighbour_scorer,
    "centre": centre_scorer,
}
_FIT: dict[str, Callable[[Coder, np.ndarray], Statistics]] = {
    "error": _nothing,
    "relative_error": _nothing,
    "error_and_distance": _scaled_gaussian,
    "mahalanobis": _gaussian,
    "joint_mahalanobis": _joint_gaussian,
    "neighbours": _codes,
    "centre": _centre,
}
_SCORE: dict[str, Callable[[Coder, Statistics, np.ndarray], np.ndarray]] = {
    "error": _error,
    "relative_error": _relative_error,
    "error_and_distance": _error_and_distance,
    "mahalanobis": _distance,
    "joint_mahalanobis": _joint_distance,
    "neighbours": _neighbour_distance,
    "centre": _distance_to_centre,
}
