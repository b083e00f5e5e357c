"""New codes from a mixture of Gaussians fitted to known ones."""

from __future__ import annotations

import numpy as np

from aelab.errors import UserError

COMPONENTS = 10  # as in Ghosh et al. 2020
MOST = 5000  # examples that a mixture of values is fitted to
WIDEST = 64  # values that a mixture is fitted to; of a wider code, as maps are, its leading principal axes


def mixture_draws(codes: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Codes ``[count, H]``, float32, of a mixture of ten Gaussians, or of fewer, fitted to ``codes`` ``[N, H]``.

    Of codes wider than 64 it is fitted to their 64 leading principal components, and the rest stays at its mean.
    Raises UserError where fewer than two differ.
    """
    if codes.shape[1] > WIDEST:
        mean = codes.mean(0, dtype=np.float64)
        axes = np.linalg.svd(codes - mean, full_matrices=False)[2][:WIDEST]
        found: np.ndarray = mean + mixture_draws((codes - mean) @ axes.T, count, seed) @ axes
        return found.astype(np.float32)
    distinct = len(np.unique(codes, axis=0))
    if distinct < 2:
        raise UserError("codes that are all the same have no distribution to draw new ones from; train longer")
    return _drawn(codes, min(COMPONENTS, distinct), "full", count, seed)


def pixel_mixture_draws(x: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Examples ``[count, D]``, float32, of a mixture of ten Gaussians without correlations, or of fewer, fitted to x
    ``[N, D]``."""
    some = x[np.random.default_rng(seed).permutation(len(x))[:MOST]]
    return _drawn(some, min(COMPONENTS, len(np.unique(some, axis=0))), "diag", count, seed)


def _drawn(x: np.ndarray, components: int, covariance: str, count: int, seed: int) -> np.ndarray:
    from sklearn.mixture import GaussianMixture

    fitted = GaussianMixture(components, covariance_type=covariance, random_state=seed).fit(x.astype(np.float64))
    drawn = fitted.sample(count)[0]
    shuffled: np.ndarray = np.random.default_rng(seed).permutation(drawn)  # not one component after the other
    return shuffled.astype(np.float32)
