"""The parts of the KL by stratified sampling: exact for a batch of all examples, and those of a Gaussian."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from aelab.objectives.divergence import kl_parts, normal_log_ratio


def linear_encoder(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """The covariance of the means that examples get, and the variances of the posteriors."""
    mixing = torch.randn(3, 6, dtype=torch.float64, generator=generator)
    return 0.12 * mixing @ mixing.mT, torch.tensor([0.5, 0.2, 0.9], dtype=torch.float64)


def draw(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    covariance, variance = linear_encoder(torch.Generator().manual_seed(3))
    normal = torch.randn(2, count, 3, dtype=torch.float64, generator=generator)
    mean = normal[0] @ torch.linalg.cholesky(covariance).mT
    return mean + variance.sqrt() * normal[1], mean, variance.log().expand_as(mean)


def test_a_batch_of_all_examples_gives_the_mixture_of_their_posteriors() -> None:
    code, mean, log_variance = draw(5, torch.Generator().manual_seed(0))
    found = kl_parts(code, mean, log_variance, torch.tensor(5.0))
    density = torch.distributions.Normal(mean, (0.5 * log_variance).exp()).log_prob(code.unsqueeze(1))  # [z, x, unit]
    together = (density.sum(-1).logsumexp(1) - math.log(5)).mean()
    alone = (density.logsumexp(1) - math.log(5)).sum(-1).mean()
    posterior = density.diagonal().sum(0).mean()
    prior = torch.distributions.Normal(0.0, 1.0).log_prob(code).sum(-1).mean()
    for ours, wanted in zip(found, (posterior - together, together - alone, alone - prior), strict=True):
        torch.testing.assert_close(ours, wanted, rtol=1e-12, atol=1e-12)


def test_the_parts_are_those_of_a_gaussian() -> None:
    covariance, variance = linear_encoder(torch.Generator().manual_seed(3))
    total = covariance + variance.diag()
    information = 0.5 * (torch.logdet(total) - variance.log().sum())
    correlation = 0.5 * (total.diagonal().log().sum() - torch.logdet(total))
    units = 0.5 * (total.diagonal() - 1 - total.diagonal().log()).sum()
    wanted = torch.stack([information, correlation, units])
    generator = torch.Generator().manual_seed(1)
    many = torch.stack([torch.stack(kl_parts(*draw(400, generator), torch.tensor(10_000.0))) for _ in range(40)])
    assert (many.mean(0) - wanted).abs().max() < 0.04, "the usual weights are off by 2 log 10,000 = 18.4"


@pytest.mark.parametrize("count", [1, 2, 7])
def test_the_parts_add_up_to_the_kl_of_the_codes_drawn(count: int) -> None:
    code, mean, log_variance = draw(count, torch.Generator().manual_seed(2))
    stacked = [torch.stack([values, values.flip(0)]) for values in (code, mean, log_variance)]
    whole = normal_log_ratio(*stacked).mean(-1)
    parts = kl_parts(*stacked, torch.tensor([50.0, 50.0]))
    torch.testing.assert_close(sum(parts), whole, rtol=1e-12, atol=1e-12)
    assert all(part[0] == pytest.approx(part[1].item(), abs=1e-12) for part in parts)
