"""Divergences between the distribution of a code and its prior.

Batches of codes are ``[..., B, H]``; every function gives ``[...]``, but for those that say otherwise.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)  # of the inverse multiquadratic kernels


def normal_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """``KL(N(m, v) || N(0, 1)) = (m^2 + v - 1 - log v) / 2`` of each value, in nats (Kingma & Welling 2014, app. B)."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)


def normal_log_ratio(code: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """``log N(z; m, v) - log N(z; 0, I)`` of each code, ``[..., B]``, in nats."""
    return 0.5 * (code.square() - (code - mean).square() * (-log_variance).exp() - log_variance).sum(-1)


def kl_parts(code: Tensor, mean: Tensor, log_variance: Tensor, examples: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The mean KL of a batch as mutual information, total correlation and the KL of each unit's own distribution.

    They add up to the KL of the codes drawn. The distribution of all codes, ``q(z)``, is estimated from the batch by
    minibatch stratified sampling (Chen et al. 2018, app. C.2), whose weights of each row sum to 1: 1 / N for an
    example's own posterior and ``(N - 1) / (N (B - 1))`` for the others. ``examples``: N, the training examples, ``[]``
    or ``[...]``. With the usual weights, 1 / (N B), the total correlation would be off by ``(H - 1) log N``.
    """
    count = code.shape[-2]
    own = torch.eye(count, dtype=torch.bool, device=code.device)
    n = examples.to(code)[..., None, None]
    weights = torch.where(own, 1 / n, (n - 1) / (n * max(1, count - 1))) if count > 1 else torch.ones_like(n)
    log_weights = weights.log()
    joint = log_weights
    marginals = code.new_zeros(())
    for z, m, s in zip(code.unbind(-1), mean.unbind(-1), log_variance.unbind(-1), strict=True):  # H times less memory
        density = _log_normal(z.unsqueeze(-1), m.unsqueeze(-2), s.unsqueeze(-2))
        joint = joint + density
        marginals = marginals + (log_weights + density).logsumexp(-1)
    posterior = _log_normal(code, mean, log_variance).sum(-1)
    together = joint.logsumexp(-1)
    prior = _log_normal(code, torch.zeros_like(code), torch.zeros_like(code)).sum(-1)
    return (posterior - together).mean(-1), (together - marginals).mean(-1), (marginals - prior).mean(-1)


def _log_normal(z: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    return -0.5 * (math.log(2 * math.pi) + log_variance + (z - mean).square() * (-log_variance).exp())


def maximum_mean_discrepancy(code: Tensor, prior: Tensor, kernel: str = "imq") -> Tensor:
    """Unbiased squared MMD between codes and as many draws of the prior; now and then negative, 0 of a single code.

    ``imq``: ``sum_s c_s / (c_s + |a - b|^2)``, ``c_s = 2 H s`` for s from 0.1 to 10 (Tolstikhin et al. 2018, sec. 4);
    ``rbf``: ``exp(-|a - b|^2 / (2 H))``, which is ``E |a - b|^2`` of the prior.
    """
    count, size = code.shape[-2:]
    if count < 2:
        return (code * 0).sum((-2, -1))
    apart = ~torch.eye(count, dtype=torch.bool, device=code.device)
    same = _kernel(code, code, size, kernel) + _kernel(prior, prior, size, kernel)
    within = (same * apart).sum((-2, -1)) / (count * (count - 1))
    return within - 2 * _kernel(code, prior, size, kernel).mean((-2, -1))


def _kernel(a: Tensor, b: Tensor, size: int, kernel: str) -> Tensor:
    lengths = a.square().sum(-1).unsqueeze(-1) + b.square().sum(-1).unsqueeze(-2)
    squares = (lengths - 2 * a @ b.mT).clamp_min(0)
    if kernel == "rbf":
        return (-squares / (2 * size)).exp()
    return torch.stack([2 * size * s / (2 * size * s + squares) for s in SCALES]).sum(0)


def sliced_wasserstein(code: Tensor, prior: Tensor, directions: Tensor) -> Tensor:
    """Mean squared Wasserstein distance of codes and draws of the prior along directions ``[..., P, H]``, which are
    scaled to length 1 (Kolouri et al. 2019). Of equal distributions it is above 0: at 100 codes in 4 units by 0.056."""
    unit = directions / directions.norm(dim=-1, keepdim=True)
    ours, theirs = ((some @ unit.mT).sort(-2).values for some in (code, prior))
    return (ours - theirs).square().mean((-2, -1))
