"""Transformer blocks over trailing axes: tokens ``[..., B, T, W]``, with parameters of one model or of K stacked."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aelab.networks.activations import Activation
from aelab.networks.layers import Affine


class TokenAffine(Affine):
    """A fully connected layer of every token: ``[..., B, T, inputs]`` to ``[..., B, T, outputs]``."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flatten(-3, -2)).unflatten(-2, x.shape[-3:-1])


class LayerNorm(nn.Module):
    """Every token less its mean, over its deviation, times a gain, plus a shift (Ba et al. 2016)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(width))
        self.shift = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        gain, shift = (value.unsqueeze(-2).unsqueeze(-2) for value in (self.gain, self.shift))
        return F.layer_norm(x, x.shape[-1:]) * gain + shift


class TransformerBlock(nn.Module):
    """``x + attention(x)``, then ``x + f(x)``, f two layers, both after normalisation (Vaswani et al. 2017).

    Written out, since faster kernels have no second derivatives, which some penalties need.
    """

    def __init__(self, width: int, heads: int, activation: Activation) -> None:
        super().__init__()
        self.heads = heads
        self.activation = activation
        self.norms = nn.ModuleList([LayerNorm(width), LayerNorm(width)])
        self.asked = TokenAffine(width, 3 * width)
        self.answered = TokenAffine(width, width)
        self.wider = TokenAffine(width, 4 * width)
        self.narrower = TokenAffine(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(-3, -2) for part in self.asked(self.norms[0](x)).chunk(3, -1)
        )
        weights = (query @ key.mT / math.sqrt(query.shape[-1])).softmax(-1)
        x = x + self.answered((weights @ value).transpose(-3, -2).flatten(-2))
        found: Tensor = x + self.narrower(self.activation(self.wider(self.norms[1](x))))
        return found
