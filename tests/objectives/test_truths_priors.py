"""Distances of codes to a prior: unbiased over every outcome, and the closed forms of Gaussians."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from aelab.objectives.divergence import maximum_mean_discrepancy, sliced_wasserstein


def all_samples(population: Tensor, count: int) -> Tensor:
    """Every sample of so many, ``[N ** count, count, H]``."""
    return torch.stack([population[list(chosen)] for chosen in product(range(len(population)), repeat=count)])


@pytest.mark.parametrize("kernel", ["imq", "rbf"])
def test_mmd_is_unbiased_over_every_outcome(kernel: str) -> None:
    generator = torch.Generator().manual_seed(0)
    ours, theirs = (torch.randn(3, 2, dtype=torch.float64, generator=generator) * s for s in (1.0, 0.5))
    samples, others = all_samples(ours, 3), all_samples(theirs, 3)
    found = maximum_mean_discrepancy(
        samples.repeat_interleave(27, 0), others.repeat(27, 1, 1), kernel
    ).mean()  # every pair of samples

    def mean_kernel(a: Tensor, b: Tensor) -> Tensor:
        squares = torch.cdist(a, b).square()
        if kernel == "rbf":
            return (-squares / 4).exp().mean()
        return sum((4 * s / (4 * s + squares)).mean() for s in (0.1, 0.2, 0.5, 1, 2, 5, 10))  # type: ignore[return-value]

    wanted = mean_kernel(ours, ours) + mean_kernel(theirs, theirs) - 2 * mean_kernel(ours, theirs)
    assert_close(found, wanted, rtol=1e-10, atol=1e-12)
    assert maximum_mean_discrepancy(ours[:1], theirs[:1], kernel) == 0


def test_mmd_of_gaussians_is_the_closed_form() -> None:
    """A Gaussian kernel between N((.5, -.3), diag(.6, 1.4)) and N(0, I): 0.049448."""
    generator = torch.Generator().manual_seed(0)
    code, prior = torch.randn(2, 1500, 50, 2, dtype=torch.float64, generator=generator)
    code = torch.tensor([0.5, -0.3]).double() + torch.tensor([0.6, 1.4]).double().sqrt() * code
    found = maximum_mean_discrepancy(code, prior, "rbf")
    assert found.mean().item() == pytest.approx(0.049448, abs=4 * found.std().item() / 1500**0.5)
    assert found.min() < 0, "unbiased, so that it cannot stay above 0"


def test_sliced_wasserstein_of_gaussians_is_the_closed_form() -> None:
    """|m|^2 / H + (s - 1)^2 between N(m, s^2 I) and N(0, I)."""
    generator = torch.Generator().manual_seed(0)
    mean = torch.tensor([0.5, -0.3, 0.0, 0.2]).double()
    code, prior = torch.randn(2, 20_000, 4, dtype=torch.float64, generator=generator)
    directions = torch.randn(50, 4, dtype=torch.float64, generator=generator)
    found = sliced_wasserstein(mean + 1.5 * code, prior, directions)
    assert found.item() == pytest.approx(mean.square().sum().item() / 4 + 0.25, abs=0.03)
    shifted = sliced_wasserstein(prior + mean, prior, torch.eye(4, dtype=torch.float64))
    assert_close(shifted, mean.square().mean(), rtol=1e-12, atol=1e-12)
