"""The second player: it tells two kinds of codes apart."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from aelab.errors import UserError
from aelab.networks.layers import Affine, affine


class Discriminator(nn.Module):
    """Codes ``[..., B, H]`` to a logit each, ``[..., B]``; leaky ReLU between layers of the ``widths``.

    With ``held`` its parameters are constants: the gradient is the codes' alone.
    """

    def __init__(self, code_size: int, widths: Sequence[int]) -> None:
        super().__init__()
        if any(width < 1 for width in widths):
            raise UserError(f"model.discriminator={list(widths)}: every width must be at least 1")
        self.layers = nn.ModuleList(Affine(m, n) for m, n in pairwise([code_size, *widths, 1]))

    def forward(self, code: Tensor, held: bool = False) -> Tensor:
        layers: Any = self.layers
        for depth, layer in enumerate(layers):
            weight = layer.weight
            bias = layer.bias
            if held:
                weight = weight.detach()
                bias = bias.detach()
            code = affine(torch.nn.functional.leaky_relu(code, 0.2) if depth else code, weight, bias)
        return code.squeeze(-1)
