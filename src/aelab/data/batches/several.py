"""Data sets that are split differently, or drawn anew, as the one from which a stack of models takes its batches."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from aelab.data.batches.loader import Change
from aelab.data.module import DataModule

TRAINED_ON = ("train", "grey")


def several(own: Sequence[DataModule]) -> tuple[DataModule, Tensor]:
    """One data module of K models that have ``own`` ones, and the place ``[K]`` of each one's first training row in it.

    All have as many examples of a part and the same kind of values. What is measured in training is given to each model
    from its own validation part, ``[K, B, D]``.
    """
    distinct = list({id(data): data for data in own}.values())
    which = torch.tensor([next(n for n, one in enumerate(distinct) if one is data) for data in own])
    together = copy.copy(distinct[0])
    if len(distinct) > 1:
        together.values = {
            part: torch.cat([data.values[part] for data in distinct])
            for part in (*TRAINED_ON, "val")
            if part in distinct[0].values
        }
        together.validated = which[:, None] * distinct[0].size("val") + torch.arange(distinct[0].size("val"))
    return together, which * distinct[0].size("train")


def in_own_rows(change: Change, starts: Tensor) -> Change:
    """A change of examples that is told each model's rows as its own data count them."""
    return change and partial(_in_own_rows, change, starts)


def _in_own_rows(
    change: Change, starts: Tensor, x: Tensor, rows: Tensor, seed: int | Sequence[int], epoch: int
) -> Tensor:
    assert change is not None
    return change(x, rows - starts[:, None].to(rows.device), seed, epoch)
