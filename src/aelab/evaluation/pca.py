"""Principal component analysis: the linear baseline that stands beside every autoencoder."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class PCA(NamedTuple):
    """``mean`` ``[D]``, ``directions`` ``[D, D]`` (rows, largest variance first), ``variances`` ``[D]``."""

    mean: Tensor
    directions: Tensor
    variances: Tensor


CHUNK = 2**21  # values that are held in float64 at a time, 16 MB each


def fit_pca(x: Tensor, chunk: int = CHUNK) -> PCA:
    """Eigenvectors of the covariance (divided by N) of examples ``[N, D]``, in float64."""
    rows = max(1, chunk // x.shape[1])
    mean = x.double().mean(0) if len(x) <= rows else sum(part.double().sum(0) for part in x.split(rows)) / len(x)
    covariance = torch.zeros(x.shape[1], x.shape[1], dtype=torch.float64, device=x.device)
    for part in x.split(rows):
        centred = part.double() - mean
        covariance += centred.mT @ centred
    variances, vectors = torch.linalg.eigh(covariance / len(x))
    return PCA(mean, vectors.flip(1).mT, variances.flip(0))


def pca_error(pca: PCA, x: Tensor, code_size: int, chunk: int = CHUNK) -> float:
    """Mean squared error per example, summed over values, of x ``[N, D]`` rebuilt from ``code_size`` values."""
    directions = pca.directions[:code_size]
    total = 0.0
    for part in x.split(max(1, chunk // x.shape[1])):
        centred = part.double() - pca.mean
        residual = centred - centred @ directions.mT @ directions
        total += residual.square().sum().item()
    return total / len(x)
