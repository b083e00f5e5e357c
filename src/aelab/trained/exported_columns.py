"""Columns of a table as they stand in it, one number each, to values for a network and back: tensors alone."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from aelab.data.tables.columns import Columns
from aelab.data.tables.numbered import category_numbers


class ColumnsToValues(nn.Module):
    """Numbers ``[N, C]``, one a column, to raw values ``[N, D]``: ``Columns.values`` of the frame they stand for.

    A category's number is that of ``category_numbers``; any other is none that the run knows, and NaN a gap.
    """

    def __init__(self, columns: Columns) -> None:
        super().__init__()
        place: list[int] = []  # the column of each value
        number: list[float] = []  # the category that a value stands for
        kind: list[int] = []  # 0 a number, 1 a category, 2 a flag
        for index, column in enumerate(columns):
            kinds = [None] if column.categories is None else category_numbers(column)
            place += [index] * (len(kinds) + column.flag)
            number += [0.0 if one is None else one for one in kinds] + [0.0] * column.flag
            kind += [int(one is not None) for one in kinds] + [2] * column.flag
        self.register_buffer("place", torch.tensor(place))
        self.register_buffer("number", torch.tensor(number, dtype=torch.float64))
        self.register_buffer("kind", torch.tensor(kind))

    def forward(self, x: Tensor) -> Tensor:
        own = x.double()[:, self.get_buffer("place")]
        gap = own.isnan()
        kind = self.get_buffer("kind")
        hit = torch.where(gap, own, (own == self.get_buffer("number")).double())
        return torch.where(kind == 0, own, torch.where(kind == 1, hit, gap.double()))


class ValuesToColumns(nn.Module):
    """Restored values ``[N, D]`` to numbers ``[N, C]``, one a column: of categories that of the largest value.

    NaN where a column's flag says that there is no value.
    """

    def __init__(self, columns: Columns) -> None:
        super().__init__()
        first: list[int] = []
        flags: list[int] = []
        self.kinds: list[tuple[int, int, int]] = []  # of a column of categories: its place, first value and one past
        end = 0
        for place, column in enumerate(columns):
            first.append(end)
            end += 1 if column.categories is None else len(column.categories)
            if column.categories is not None:
                self.kinds.append((place, first[-1], end))
                numbers = torch.tensor(category_numbers(column), dtype=torch.float64)
                self.register_buffer(f"numbers_{place}", numbers)
            flags.append(end if column.flag else -1)
            end += column.flag
        self.register_buffer("first", torch.tensor(first))
        self.register_buffer("flag", torch.tensor([max(0, flag) for flag in flags]))
        self.register_buffer("flagged", torch.tensor([flag >= 0 for flag in flags]))
        # no number in the program: files of PyTorch 2.8 cannot hold a NaN there
        self.register_buffer("unknown", torch.tensor(torch.nan, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        x = x.double()
        found = x[:, self.get_buffer("first")]
        for place, start, stop in self.kinds:
            chosen = self.get_buffer(f"numbers_{place}")[x[:, start:stop].argmax(1)]
            here = torch.arange(found.shape[1], device=x.device) == place
            found = torch.where(here, chosen[:, None], found)
        gap = self.get_buffer("flagged") & (x[:, self.get_buffer("flag")] > 0.5)
        return torch.where(gap, self.get_buffer("unknown"), found)
