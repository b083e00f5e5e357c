"""Convolutions in time over trailing axes: whatever axes the parameters carry in front are replicas."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aelab.networks.layers import grouped, ungrouped


def shorter(x: Tensor, weight: Tensor, bias: Tensor, stride: int) -> Tensor:
    """A convolution of odd size and its ``stride``: ``[..., C, T]`` to a T of one of so many points, rounded up.

    ``weight`` ``[out, C, size]``, or ``[K, out, C, size]`` of replicas.
    """
    padding = weight.shape[-1] // 2
    if weight.ndim == 3:
        return F.conv1d(x, weight, bias, stride, padding)
    replicas = len(weight)
    out = F.conv1d(grouped(x, weight), weight.flatten(0, 1), bias.flatten(), stride, padding, groups=replicas)
    return ungrouped(out, replicas)


def longer(x: Tensor, weight: Tensor, bias: Tensor, stride: int, length: int) -> Tensor:
    """The transpose of ``shorter``, with the same layout of ``weight``: back to ``length`` points."""
    size = weight.shape[-1]
    padding = size // 2
    extra = length - ((x.shape[-1] - 1) * stride - 2 * padding + size)
    if weight.ndim == 3:
        return F.conv_transpose1d(x, weight, bias, stride, padding, extra)
    replicas = len(weight)
    out = F.conv_transpose1d(
        grouped(x, weight), weight.flatten(0, 1), bias.flatten(), stride, padding, extra, groups=replicas
    )
    return ungrouped(out, replicas)


class ConvolutionInTime(nn.Module):
    """Parameters of ``shorter``: weight ``[outputs, inputs, size]``; ``longer`` reads the same layout.

    ``bias``: outputs of the transpose, where it is this that the layer is for.
    """

    def __init__(self, inputs: int, outputs: int, size: int, bias: int | None = None) -> None:
        super().__init__()
        self.transposed = bias is not None
        self.weight = nn.Parameter(torch.empty(outputs, inputs, size))
        self.bias = nn.Parameter(torch.empty(outputs if bias is None else bias))
        bound = 1 / math.sqrt(inputs * size)
        for parameter in (self.weight, self.bias):
            nn.init.uniform_(parameter, -bound, bound)
