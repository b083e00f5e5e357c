"""New codes from a mixture of Gaussians fitted to known ones."""

from __future__ import annotations

import numpy as np

COMPONENTS = 10  # as in Ghosh et al. 2020


def mixture_draws(codes: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Codes ``[count, H]``, float32, of a mixture of ten Gaussians fitted to ``codes`` ``[N, H]``, N at least ten."""
    from sklearn.mixture import GaussianMixture

    fitted = GaussianMixture(COMPONENTS, random_state=seed).fit(codes.astype(np.float64))
    drawn = fitted.sample(count)[0]
    shuffled: np.ndarray = np.random.default_rng(seed).permutation(drawn)  # not one component after the other
    return shuffled.astype(np.float32)
