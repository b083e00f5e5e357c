"""Activations with their slopes; the slope is what the exact contractive penalty is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from aelab.errors import UserError


@dataclass(frozen=True)
class Activation:
    """``function(z)`` and ``slope(z, a)``, its derivative at z where ``a = function(z)``."""

    function: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor, Tensor], Tensor]

    def __call__(self, z: Tensor) -> Tensor:
        return self.function(z)


def _silu_slope(z: Tensor, a: Tensor) -> Tensor:
    s = z.sigmoid()
    return s + a * (1 - s)


def _gelu_slope(z: Tensor, a: Tensor) -> Tensor:
    cdf = 0.5 * (1 + torch.erf(z / 2**0.5))
    return cdf + z * torch.exp(-0.5 * z * z) / (2 * torch.pi) ** 0.5


ACTIVATIONS = {
    "identity": Activation(lambda z: z, lambda z, a: torch.ones_like(z)),
    "relu": Activation(torch.relu, lambda z, a: (z > 0).to(z.dtype)),
    "leaky_relu": Activation(F.leaky_relu, lambda z, a: torch.where(z > 0, torch.ones_like(z), 0.01)),
    "elu": Activation(F.elu, lambda z, a: torch.where(z > 0, torch.ones_like(z), a + 1)),
    "sigmoid": Activation(torch.sigmoid, lambda z, a: a * (1 - a)),
    "tanh": Activation(torch.tanh, lambda z, a: 1 - a * a),
    # threshold: where z replaces log(1 + exp(z)); at the default, 20, the slope would jump by 2e-9
    "softplus": Activation(partial(F.softplus, threshold=40.0), lambda z, a: z.sigmoid()),
    "silu": Activation(F.silu, _silu_slope),
    "gelu": Activation(F.gelu, _gelu_slope),
}


def activation(name: str, key: str = "network.activation") -> Activation:
    """The activation called ``name``; UserError lists the choices under the config key ``key``."""
    if name not in ACTIVATIONS:
        raise UserError(f"{key}={name}: unknown activation; choose one of {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]
