"""Penalties on the code: L1 and the Kullback-Leibler distance to a target mean activation."""

from __future__ import annotations

import torch
from torch import Tensor


def l1(code: Tensor) -> Tensor:
    """``sum_j |h_j|`` averaged over examples: ``[..., B, H]`` to ``[...]``."""
    return code.abs().sum(-1).mean(-1)


def kl_to_target(mean_activation: Tensor, target: float | Tensor) -> Tensor:
    """``sum_j KL(rho || rho_j)`` of Bernoulli means (Ng 2011, CS294A): ``[..., H]`` to ``[...]``.

    ``mean_activation``: rho_j in (0, 1). ``target``: rho, a number or a tensor of length K. Means are kept
    off 0 and 1 by the smallest step of their type, where the distance is finite but steep.
    """
    tiny = torch.finfo(mean_activation.dtype).eps
    mean = mean_activation.clamp(tiny, 1 - tiny)
    rho = torch.as_tensor(target, dtype=mean.dtype, device=mean.device)
    rho = rho.unsqueeze(-1) if rho.ndim else rho
    return (torch.special.xlogy(rho, rho / mean) + torch.special.xlogy(1 - rho, (1 - rho) / (1 - mean))).sum(-1)
