"""Codes that nobody has encoded, to be decoded into new examples."""

from __future__ import annotations

import numpy as np

from aelab.errors import UserError
from aelab.models import Autoencoder

COMPONENTS = 10  # of the mixture, as in Ghosh et al. 2020


def drawn_codes(model: Autoencoder, name: str, count: int, seed: int, codes: np.ndarray | None) -> np.ndarray:
    """Codes ``[count, code_size]`` from N(0, I), or from a Gaussian mixture fitted to ``codes`` ``[N, code_size]``."""
    size = model.network.code_size
    if codes is None and model.prior is None:
        raise UserError(
            f"{name}: this variant's codes have no prior to draw from; give codes to fit one to, "
            "run.sample(count, codes=run.encode(x))"
        )
    if codes is None:
        return np.random.default_rng(seed).standard_normal((count, size)).astype(np.float32)
    codes = np.asarray(codes)
    if codes.ndim != 2 or codes.shape[1] != size or len(codes) < COMPONENTS:
        raise UserError(
            f"{name}: codes of shape {list(codes.shape)}; a mixture is fitted to {COMPONENTS} or more of {size} values"
        )
    from sklearn.mixture import GaussianMixture

    fitted = GaussianMixture(COMPONENTS, random_state=seed).fit(codes.astype(np.float64))
    drawn = fitted.sample(count)[0]
    return np.random.default_rng(seed).permutation(drawn).astype(np.float32)  # not one component after the other
