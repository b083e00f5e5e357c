"""New codes from a mixture of Gaussians fitted to known ones."""

from __future__ import annotations

import numpy as np

from aelab.errors import UserError

COMPONENTS = 10  # as in Ghosh et al. 2020


def mixture_draws(codes: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Codes ``[count, H]``, float32, of a mixture of ten Gaussians fitted to ``codes`` ``[N, H]``, fewer of fewer codes.

    Raises UserError where fewer than two differ.
    """
    from sklearn.mixture import GaussianMixture

    distinct = len(np.unique(codes, axis=0))
    if distinct < 2:
        raise UserError("codes that are all the same have no distribution to draw new ones from; train longer")
    fitted = GaussianMixture(min(COMPONENTS, distinct), random_state=seed).fit(codes.astype(np.float64))
    drawn = fitted.sample(count)[0]
    shuffled: np.ndarray = np.random.default_rng(seed).permutation(drawn)  # not one component after the other
    return shuffled.astype(np.float32)
