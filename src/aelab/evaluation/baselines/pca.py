"""Principal component analysis: the linear baseline that stands beside every autoencoder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from aelab.objectives.observed import filled, observed_weights


class Examples(Protocol):
    """A tensor ``[N, D]``, or what is read like one in pieces."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def device(self) -> torch.device: ...
    def __len__(self) -> int: ...
    def split(self, size: int, /) -> Iterable[Tensor]: ...


class PCA(NamedTuple):
    """``mean`` ``[D]``, ``directions`` ``[D, D]`` (rows, largest variance first), ``variances`` ``[D]``."""

    mean: Tensor
    directions: Tensor
    variances: Tensor


CHUNK = 2**21  # values that are held in float64 at a time, 16 MB each


def fit_pca(x: Examples, chunk: int = CHUNK, weight: Tensor | None = None) -> PCA:
    """Eigenvectors of the covariance (divided by N) of examples ``[N, D]``, in float64.

    NaN is a value that is not known: means are of the others, and it is taken for its mean. ``weight``: what each
    example counts, ``[N]``; None: all the same.
    """
    rows = max(1, chunk // x.shape[1])
    mean = _mean(x, rows) if weight is None else _weighted_mean(x, rows, weight)
    covariance = torch.zeros(x.shape[1], x.shape[1], dtype=torch.float64, device=x.device)
    for start, part in zip(range(0, len(x), rows), x.split(rows), strict=True):
        centred = filled(part.double() - mean)
        left = centred if weight is None else centred * weight[start : start + rows, None].to(centred)
        covariance += left.mT @ centred
    variances, vectors = torch.linalg.eigh(covariance / (len(x) if weight is None else weight.sum().to(covariance)))
    return PCA(mean, vectors.flip(1).mT, variances.flip(0))


def _weighted_mean(x: Examples, rows: int, weight: Tensor) -> Tensor:
    total: Tensor = torch.zeros((), dtype=torch.float64, device=x.device)
    known: Tensor = torch.zeros((), dtype=torch.float64, device=x.device)
    for start, part in zip(range(0, len(x), rows), x.split(rows), strict=True):
        counts = weight[start : start + rows, None].to(total)
        total = total + (part.double() * counts).nansum(0)
        known = known + (~part.isnan() * counts).sum(0)
    return total / known


def _mean(x: Examples, rows: int) -> Tensor:
    if len(x) <= rows:
        [whole] = x.split(rows)
        return whole.double().nanmean(0) if whole.isnan().any() else whole.double().mean(0)
    total: Tensor = torch.zeros((), dtype=torch.float64)
    known: Tensor = torch.zeros((), dtype=torch.float64)
    for part in x.split(rows):
        total = total + part.double().nansum(0)
        known = known + (~part.isnan()).sum(0)
    return total / known


def pca_error(pca: PCA, x: Examples, code_size: int, chunk: int = CHUNK, weight: Tensor | None = None) -> float:
    """Mean squared error per example, summed over values, of x ``[N, D]`` rebuilt from ``code_size`` values; where some
    are not known the others count for them, as in ``ObservedError``. ``weight``: as in ``fit_pca``."""
    if weight is not None:
        counts = weight.to(x.device)
        return ((pca_errors(pca, x, code_size, chunk) * counts).sum() / counts.sum()).item()
    return sum(part.square().sum().item() for part in _residuals(pca, x, code_size, chunk)) / len(x)


def pca_errors(pca: PCA, x: Examples, code_size: int, chunk: int = CHUNK) -> Tensor:
    """The same of each example, ``[N]``."""
    return torch.cat([part.square().sum(1) for part in _residuals(pca, x, code_size, chunk)])


def rebuilt(pca: PCA, x: Tensor, code_size: int) -> Tensor:
    """x ``[N, D]`` rebuilt from ``code_size`` values, in float64."""
    directions = pca.directions[:code_size]
    return pca.mean + filled(x.double() - pca.mean) @ directions.mT @ directions


def _residuals(pca: PCA, x: Examples, code_size: int, chunk: int) -> Iterator[Tensor]:
    for part in x.split(max(1, chunk // x.shape[1])):
        apart = part.double() - rebuilt(pca, part, code_size)
        yield filled(apart) * observed_weights(part.double()).sqrt() if apart.isnan().any() else apart
