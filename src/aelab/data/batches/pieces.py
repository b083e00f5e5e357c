"""Examples that are read in pieces, for what needs many of them and must not hold them all."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor


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
