"""A batch as it travels: the values of examples and, behind them in the same rows, what is given beside them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Batch(NamedTuple):
    """Examples ``x`` ``[..., B, D]``; what is ``given`` beside each, ``[..., B, G]``, and what each counts, its
    ``weight`` ``[..., B]``; None where there is none."""

    x: Tensor
    given: Tensor | None = None
    weight: Tensor | None = None


class Layout(NamedTuple):
    """Where what is in rows ``[..., B, D + G + 1]``: D ``values``, G values ``given``, and a weight if ``weighted``.

    Rows travel as one tensor, so that whatever takes rows by index, moves or stacks them needs to know nothing of it.
    """

    values: int
    given: int = 0
    weighted: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether a row is an example and nothing else."""
        return not self.given and not self.weighted

    def apart(self, rows: Tensor) -> Batch:
        """The parts of rows, which may lack the weight; ValueError for rows of any other width."""
        width = rows.shape[-1]
        end = self.values + self.given
        if width not in (end, end + self.weighted):
            raise ValueError(f"rows of {width} values: {self.values} of an example and {self.given} given are {end}")
        given = rows[..., self.values : end] if self.given else None
        return Batch(rows[..., : self.values], given, rows[..., end] if width > end else None)

    def without_given(self, rows: Tensor) -> Tensor:
        """Values and weights."""
        return torch.cat([rows[..., : self.values], rows[..., self.values + self.given :]], -1)

    def with_values(self, rows: Tensor, x: Tensor) -> Tensor:
        """Rows with other values ``x`` of their examples."""
        return x if self.is_plain else torch.cat([x, rows[..., self.values :]], -1)
