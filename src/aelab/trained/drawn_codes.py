"""Codes that nobody has encoded, to be decoded into new examples."""

from __future__ import annotations

import numpy as np

from aelab.errors import UserError
from aelab.evaluation.measures.mixture import COMPONENTS, mixture_draws
from aelab.models import Autoencoder


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
    return mixture_draws(codes, count, seed)
