"""Predictions of replicas to decompose, plain or nested, and a decomposition's scalars."""

from __future__ import annotations

import dataclasses
import math

import torch
from torch import Tensor

from aelab.objectives import ERRORS
from aelab.replicas import Decomposition

NESTED = ["a", "b", "c", "d", "b", "c", "d", "a"]  # four data sets, two initialisations, in no order
SPLIT = [name for name, error in ERRORS.items() if error.decomposition is not None]  # errors known to split
DESIGNS = [(error, groups) for error in SPLIT for groups in (None, NESTED)]


def random_problem(replicas: int = 8, examples: int = 30) -> tuple[Tensor, Tensor]:
    """Predictions [K, N, 3, 2] with a bias, and targets in [0, 1]."""
    generator = torch.Generator().manual_seed(0)
    target = torch.rand(examples, 3, 2, generator=generator, dtype=torch.double)
    effect = torch.randn(replicas, 1, 3, 2, generator=generator, dtype=torch.double)
    own = torch.randn(replicas, examples, 3, 2, generator=generator, dtype=torch.double)
    return target + 0.3 + effect + own, target


def problem_of(error: str, replicas: int = 8, examples: int = 30) -> tuple[Tensor, Tensor]:
    """The same for any error; of symbols logits [K, N, 3, 2, 4] and targets from 0 to 3."""
    predictions, target = random_problem(replicas, examples)
    if not ERRORS[error].event:
        return predictions, target
    return predictions.unsqueeze(-1) * torch.linspace(-1, 2, 4, dtype=torch.double), (3.99 * target).long()


def softplus(z: Tensor) -> Tensor:
    return torch.logaddexp(z, torch.zeros_like(z))


def total(values: Tensor) -> float:
    """Summed over the values of an example [N, ...], averaged over examples."""
    return values.flatten(1).sum(1).mean().item()


def figures(result: Decomposition) -> dict[str, float]:
    """Every scalar of a result that is defined."""
    fields = dataclasses.asdict(result).items()
    return {name: value for name, value in fields if isinstance(value, float) and not math.isnan(value)}


def by_data_set(predictions: Tensor) -> Tensor:
    """Predictions of the nested design as [S, R, ...]."""
    return torch.stack([predictions[[k for k in range(8) if NESTED[k] == name]] for name in "abcd"])


def without(values: Tensor, index: int) -> Tensor:
    return torch.cat([values[:index], values[index + 1 :]])
