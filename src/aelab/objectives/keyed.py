"""Uniform numbers that belong to an example: the same in whatever batch, process or stack it comes."""

from __future__ import annotations

import torch
from torch import Tensor

_STEP = -7046029254386353131
_FIRST = -4658895280553007687
_SECOND = -7723592293110705685


def keyed_uniforms(seeds: Tensor, epoch: int, rows: Tensor, count: int) -> Tensor:
    """Numbers on [0, 1), float32 ``[..., B, count]``, of (seed, epoch, row).

    ``rows``: long ``[..., B]``; ``seeds``: long, one for each leading slice.
    """
    key = _mixed(_mixed(seeds.to(rows.device).unsqueeze(-1) * _STEP + epoch) ^ (rows * _STEP))
    numbers = torch.arange(1, count + 1, device=rows.device) * _STEP
    return (_shifted(_mixed(key.unsqueeze(-1) + numbers), 40)).float() / 2**24


def _mixed(z: Tensor) -> Tensor:
    """SplitMix64's finaliser, which turns neighbouring numbers into unrelated ones; products wrap around."""
    z = (z ^ _shifted(z, 30)) * _FIRST
    z = (z ^ _shifted(z, 27)) * _SECOND
    return z ^ _shifted(z, 31)


def _shifted(z: Tensor, bits: int) -> Tensor:
    """To the right, as if there were no sign."""
    return (z >> bits) & (2 ** (64 - bits) - 1)
