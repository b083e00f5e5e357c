"""Layers over trailing axes: whatever axes the parameters carry in front are replicas.

With parameters of a lone model a layer maps ``[B, ...]``; with parameters stacked along a leading axis K it
maps ``[K, B, ...]`` (or one ``[B, ...]`` shared by all replicas) to ``[K, B, ...]``.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def affine(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """``x W^T + b`` with weight ``[out, in]`` or ``[K, out, in]``."""
    if weight.ndim == 2:
        return F.linear(x, weight, bias)
    if x.ndim == 2:
        x = x.expand(len(weight), *x.shape)
    return torch.baddbmm(bias.unsqueeze(-2), x, weight.mT)


class Affine(nn.Module):
    """A fully connected layer with PyTorch's default initialisation (uniform, +-1/sqrt(fan in))."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs))
        self.bias = nn.Parameter(torch.empty(outputs))
        for parameter in (self.weight, self.bias):
            nn.init.uniform_(parameter, -1 / math.sqrt(inputs), 1 / math.sqrt(inputs))

    def forward(self, x: Tensor) -> Tensor:
        return affine(x, self.weight, self.bias)


def grouped(x: Tensor, weight: Tensor) -> Tensor:
    """``[K, B, C, *places]`` (or shared ``[B, C, *places]``) with the K replicas' channels side by side."""
    if x.ndim < weight.ndim:
        x = x.expand(len(weight), *x.shape)
    return x.transpose(0, 1).flatten(1, 2)


def ungrouped(x: Tensor, replicas: int) -> Tensor:
    return x.unflatten(1, (replicas, -1)).transpose(0, 1)


def convolve(x: Tensor, weight: Tensor, bias: Tensor, stride: int = 1) -> Tensor:
    """A convolution of odd size, padded so that ``[..., C, H, W]`` keeps its height and width over the stride."""
    padding = weight.shape[-1] // 2
    if weight.ndim == 4:
        return F.conv2d(x, weight, bias, stride, padding)
    replicas = len(weight)
    out = F.conv2d(grouped(x, weight), weight.flatten(0, 1), bias.flatten(), stride, padding, groups=replicas)
    return ungrouped(out, replicas)


def halve(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """A 3 x 3 convolution of stride 2: ``[..., C, H, W]`` to half the height and width, rounded up."""
    return convolve(x, weight, bias, 2)


def double(x: Tensor, weight: Tensor, bias: Tensor, size: tuple[int, int]) -> Tensor:
    """The transpose of ``halve``: back to height and width ``size``."""
    extra = [n - (2 * m - 1) for n, m in zip(size, x.shape[-2:], strict=True)]
    if weight.ndim == 4:
        return F.conv_transpose2d(x, weight, bias, 2, 1, extra)
    replicas = len(weight)
    out = F.conv_transpose2d(grouped(x, weight), weight.flatten(0, 1), bias.flatten(), 2, 1, extra, groups=replicas)
    return ungrouped(out, replicas)


class Convolution(nn.Module):
    """Parameters of ``convolve``: weight ``[outputs, inputs, size, size]``; ``double`` reads the same layout.

    ``bias``: outputs of the transpose, where it is this that the layer is for.
    """

    def __init__(self, inputs: int, outputs: int, bias: int | None = None, size: int = 3) -> None:
        super().__init__()
        self.transposed = bias is not None
        self.weight = nn.Parameter(torch.empty(outputs, inputs, size, size))
        self.bias = nn.Parameter(torch.empty(outputs if bias is None else bias))
        bound = 1 / math.sqrt(inputs * size**2)
        for parameter in (self.weight, self.bias):
            nn.init.uniform_(parameter, -bound, bound)

    def forward(self, x: Tensor, stride: int = 1) -> Tensor:
        return convolve(x, self.weight, self.bias, stride)


class Placewise(Affine):
    """The same fully connected layer at each of P places: ``[..., B, P * inputs]`` to ``[..., B, P * outputs]``.

    The values of a place lie side by side.
    """

    def __init__(self, inputs: int, outputs: int, places: int) -> None:
        super().__init__(inputs, outputs)
        self.places = places

    def forward(self, x: Tensor) -> Tensor:
        apart = x.unflatten(-1, (self.places, -1)).flatten(-3, -2)
        return affine(apart, self.weight, self.bias).unflatten(-2, (-1, self.places)).flatten(-2)
