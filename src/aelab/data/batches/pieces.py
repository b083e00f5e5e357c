"""Examples that are read in pieces, for what needs many of them and must not hold them all."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

CHUNK = 4096  # examples that are prepared at a time


class Pieces:
    """``count`` examples of ``columns`` values, read anew whenever they are gone through; like a tensor in that.

    ``read``: floats ``[n, columns]`` of a slice of them.
    """

    device = torch.device("cpu")

    def __init__(self, count: int, columns: int, read: Callable[[slice], Tensor]) -> None:
        self.shape = (count, columns)
        self.read = read

    def __len__(self) -> int:
        return self.shape[0]

    def split(self, size: int) -> Iterator[Tensor]:
        """``size`` examples at a time, in order."""
        return (self.read(slice(start, start + size)) for start in range(0, len(self), size))


def tensors_of(x: np.ndarray) -> Iterator[Tensor]:
    """Raw examples as tensors, some at a time, in a type that torch can calculate with."""
    for start in range(0, len(x), CHUNK):
        some = x[start : start + CHUNK]
        yield torch.from_numpy(some if some.dtype in (np.uint8, np.float32, np.float64) else some.astype(np.float64))
