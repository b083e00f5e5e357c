"""Raw examples as tensors, some at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

CHUNK = 4096  # examples that are prepared at a time


def chunks_of(x: np.ndarray) -> Iterator[Tensor]:
    """``x`` in pieces, in a type that torch can calculate with."""
    for start in range(0, len(x), CHUNK):
        some = x[start : start + CHUNK]
        yield torch.from_numpy(some if some.dtype in (np.uint8, np.float32, np.float64) else some.astype(np.float64))
