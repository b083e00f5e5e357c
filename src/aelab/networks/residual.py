"""What residual networks of pictures are made of, over trailing axes: blocks, normalisation, attention, resizing."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aelab.networks.activations import Activation
from aelab.networks.layers import Convolution, Placewise

GROUPS = 8  # of channels that are normalised together, at most


class GroupNorm(nn.Module):
    """Channels of ``[..., C, H, W]`` in groups of mean 0 and variance 1 in each example, times a gain, plus a shift
    (Wu & He 2018): up to eight groups, as many as divide C."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.groups = math.gcd(channels, GROUPS)
        self.gain = nn.Parameter(torch.ones(channels))
        self.shift = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        if self.gain.ndim == 1:
            return F.group_norm(x, self.groups, self.gain, self.shift)
        normal = F.group_norm(x.flatten(0, 1), self.groups).unflatten(0, x.shape[:2])
        gain, shift = (value[:, None, :, None, None] for value in (self.gain, self.shift))
        return normal * gain + shift


class Residual(nn.Module):
    """``x + f(x)``, f twice normalisation, activation and a 3 x 3 convolution (He et al. 2016, pre-activation); where
    the channels change, x goes through a 1 x 1 convolution."""

    def __init__(self, inputs: int, outputs: int, activation: Activation) -> None:
        super().__init__()
        self.activation = activation
        self.norms = nn.ModuleList([GroupNorm(inputs), GroupNorm(outputs)])
        self.convolutions = nn.ModuleList([Convolution(inputs, outputs), Convolution(outputs, outputs)])
        self.shortcut = None if inputs == outputs else Convolution(inputs, outputs, size=1)

    def forward(self, x: Tensor) -> Tensor:
        found = x
        for norm, convolution in zip(self.norms, self.convolutions, strict=True):
            found = convolution(self.activation(norm(found)))
        return found + (x if self.shortcut is None else self.shortcut(x))


class Attention(nn.Module):
    """``x + f(x)``, f one head of self-attention among the places of ``[..., C, H, W]`` (Vaswani et al. 2017), after
    normalisation. Written out, since faster kernels have no second derivatives, which some penalties need."""

    def __init__(self, channels: int, places: int) -> None:
        super().__init__()
        self.channels = channels
        self.norm = GroupNorm(channels)
        self.asked = Placewise(channels, 3 * channels, places)
        self.answered = Placewise(channels, channels, places)

    def forward(self, x: Tensor) -> Tensor:
        both = self.asked(by_place(self.norm(x))).unflatten(-1, (-1, 3 * self.channels))
        query, key, value = both.split(self.channels, -1)
        weights = (query @ key.mT / math.sqrt(self.channels)).softmax(-1)
        return x + by_channel(self.answered((weights @ value).flatten(-2)), x.shape[-3:])


class Half(Convolution):
    """A 3 x 3 convolution that halves height and width."""

    def forward(self, x: Tensor, stride: int = 2) -> Tensor:
        return super().forward(x, stride)


class Twice(Convolution):
    """Every pixel becomes four, and a 3 x 3 convolution follows (Odena et al. 2016: no chequerboard)."""

    def forward(self, x: Tensor, stride: int = 1) -> Tensor:
        larger = F.interpolate(x.flatten(0, -4), scale_factor=2.0, mode="nearest")
        return super().forward(larger.unflatten(0, x.shape[:-3]), stride)


def by_place(x: Tensor) -> Tensor:
    """``[..., C, H, W]`` as ``[..., H * W * C]``: the channels of a place side by side."""
    return x.flatten(-2).mT.flatten(-2)


def by_channel(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The inverse of ``by_place``, ``shape``: C, H, W."""
    channels, *size = shape
    return x.unflatten(-1, (-1, channels)).mT.unflatten(-1, size)
