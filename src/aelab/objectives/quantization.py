"""Codewords and levels: the nearest one, with the gradient of what it stands for."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from aelab.objectives.waiting import constants


def nearest(vectors: Tensor, codewords: Tensor) -> Tensor:
    """The nearest of codewords ``[..., C, d]`` to each vector ``[..., N, d]``: long ``[..., N]``."""
    return (codewords.square().sum(-1).unsqueeze(-2) - 2 * vectors @ codewords.mT).argmin(-1)


def taken(codewords: Tensor, indices: Tensor) -> Tensor:
    """Codewords ``[..., C, d]`` by their indices ``[..., N]``: ``[..., N, d]``."""
    return torch.take_along_dim(codewords, indices.unsqueeze(-1), -2)


def straight_through(value: Tensor, quantized: Tensor) -> Tensor:
    """``quantized``, with the gradient of ``value`` (Bengio et al. 2013)."""
    return value + (quantized - value).detach()


def levels(value: Tensor, counts: Sequence[int]) -> Tensor:
    """Whole numbers ``[..., n]``, one of L levels each, with the gradient of what was rounded (Mentzer et al. 2024).

    ``value`` ``[..., n]`` is bounded by ``tanh(z + s) h - o`` with ``h = (L - 1) (1 - 0.001) / 2``, o = 1/2 for even L,
    else 0, and s = tan(o / h), so that 0 stays near 0. Levels run from ``-floor(L / 2)``.
    """
    half = [(count - 1) * (1 - 1e-3) / 2 for count in counts]
    offset = [0.5 if count % 2 == 0 else 0.0 for count in counts]
    shift = [math.tan(o / h) for o, h in zip(offset, half, strict=True)]
    s, h, o = (constants(numbers, value.dtype, value.device) for numbers in (shift, half, offset))
    bounded = (value + s).tanh() * h - o
    return straight_through(bounded, bounded.round())
