"""Examples as they stay in memory."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from aelab.data.batches.pieces import CHUNK, tensors_of
from aelab.data.preprocessing import PIXELS, SYMBOLS, Preprocessing


def stored(x: np.ndarray, preprocessing: Preprocessing) -> Tensor:
    """Raw examples ``[n, D]`` as they stay in memory: pixels in a byte each, everything else prepared."""
    if preprocessing.kind == SYMBOLS:
        return torch.from_numpy(x.astype(np.int32))
    if preprocessing.kind == PIXELS and preprocessing.is_plain and x.dtype == np.uint8:
        return torch.from_numpy(x)
    prepared = torch.empty(x.shape)
    for place, chunk in zip(prepared.split(CHUNK), tensors_of(x), strict=True):
        place.copy_(preprocessing(chunk))
    return prepared
