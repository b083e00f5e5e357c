"""Penalties on the code, L1 and the Kullback-Leibler distance to a target mean activation, and on weights."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from aelab.objectives.randomness import per_replica


def l1(code: Tensor) -> Tensor:
    """``sum_j |h_j|`` averaged over examples: ``[..., B, H]`` to ``[...]``."""
    return code.abs().sum(-1).mean(-1)


def kl_to_target(mean_activation: Tensor, target: float | Tensor) -> Tensor:
    """``sum_j KL(rho || rho_j)`` of Bernoulli means (Ng 2011, CS294A): ``[..., H]`` to ``[...]``.

    ``mean_activation``: rho_j in (0, 1). ``target``: rho, a number or a tensor of length K. Means are kept
    off 0 and 1 by the smallest step of their type, where the distance is finite but steep.
    """
    tiny = torch.finfo(mean_activation.dtype).eps
    kept = mean_activation.clamp(tiny, 1 - tiny)
    mean = mean_activation + (kept - mean_activation).detach()  # not clamp's slope, 0
    rho = per_replica(target, mean)
    rho = rho if isinstance(rho, Tensor) else mean.new_full((), rho)
    return (torch.special.xlogy(rho, rho / mean) + torch.special.xlogy(1 - rho, (1 - rho) / (1 - mean))).sum(-1)


def squared_weights(layers: Iterable[Any], replicas: int) -> Tensor:
    """Sum of the squares of the weights of ``layers``, no biases, ``[...]``: one for each of the leading axes, of which
    there are ``replicas``."""
    return torch.stack([layer.weight.square().flatten(replicas).sum(-1) for layer in layers]).sum(0)
