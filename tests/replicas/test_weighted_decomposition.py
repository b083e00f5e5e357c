"""A decomposition by weights: whole ones are copies of examples, in every figure but the standard errors."""

from __future__ import annotations

import math

import pytest
import torch

from aelab.evaluation.baselines.pca import fit_pca, pca_error
from aelab.objectives import ObservedError, SquaredError
from aelab.replicas import decompose
from aelab.replicas.uncertainty import standard_error

COUNTS = torch.tensor([1, 2, 3, 1, 5])
FIGURES = ("error", "bias2", "variance", "noise", "naive_bias2", "naive_variance")


def data(replicas: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    target = torch.rand(5, 3, dtype=torch.float64, generator=draw)
    return target + torch.randn(replicas, 5, 3, dtype=torch.float64, generator=draw), target


@pytest.mark.parametrize("error", ["squared", "cross_entropy"])
@pytest.mark.parametrize("groups", [None, [0, 0, 1, 1]])
def test_whole_weights_are_copies(error: str, groups: list[int] | None) -> None:
    z, target = data()
    ours = decompose(z, target, error, groups, weight=COUNTS)
    copies = decompose(z.repeat_interleave(COUNTS, 1), target.repeat_interleave(COUNTS, 0), error, groups)
    names = (*FIGURES, *(("variance_data", "variance_init") if groups else ()))
    names += tuple(f"{name}_se_replicas" for name in ("error", "bias2", "variance"))
    for name in names:
        found, wanted = getattr(ours, name), getattr(copies, name)
        assert (math.isnan(found) and math.isnan(wanted)) or found == pytest.approx(wanted, rel=1e-12, abs=1e-12), name
    torch.testing.assert_close(ours.bias2_map, copies.bias2_map, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(ours.variance_map, copies.variance_map, rtol=1e-12, atol=1e-12)
    assert ours.count_examples == 5


def test_with_gaps() -> None:
    z, target = data()
    target[1, 2] = target[4, 0] = torch.nan
    error = ObservedError(SquaredError())
    ours = decompose(z, target, error, weight=COUNTS)
    copies = decompose(z.repeat_interleave(COUNTS, 1), target.repeat_interleave(COUNTS, 0), error)
    assert ours.bias2 == pytest.approx(copies.bias2, rel=1e-12)


def test_weights_of_one_change_no_figure() -> None:
    z, target = data()
    ours, plain = decompose(z, target, weight=torch.ones(5)), decompose(z, target)
    for name in FIGURES:
        assert getattr(ours, name) == pytest.approx(getattr(plain, name), rel=1e-14)
    assert ours.bias2_se_examples == pytest.approx(plain.bias2_se_examples, rel=1e-12)


def test_the_standard_error_has_no_scale_and_is_that_of_many_draws() -> None:
    draw = torch.Generator().manual_seed(1)
    values = torch.randn(4000, 50, dtype=torch.float64, generator=draw)
    weights = torch.rand(4000, 50, dtype=torch.float64, generator=draw) + 0.2
    means = (values * weights).sum(1) / weights.sum(1)
    told = torch.tensor([standard_error(v, w) for v, w in zip(values, weights, strict=True)], dtype=torch.float64)
    assert told.square().mean().sqrt().item() == pytest.approx(means.std().item(), rel=0.05)
    assert standard_error(values[0], 100 * weights[0]) == pytest.approx(told[0].item(), rel=1e-12)
    assert standard_error(values[0], torch.ones(50).double()) == pytest.approx(standard_error(values[0]), rel=1e-12)


@pytest.mark.parametrize("weight", [torch.tensor([1.0, 0, 1, 1, 1]), torch.ones(4), torch.full((5,), torch.nan)])
def test_what_is_no_weight(weight: torch.Tensor) -> None:
    z, target = data()
    with pytest.raises(ValueError, match="weights must be 5 finite numbers above 0, one for each example"):
        decompose(z, target, weight=weight)


def test_pca_by_weights_is_that_of_copies() -> None:
    x = torch.randn(30, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    counts = torch.arange(30) % 4 + 1
    ours, copies = fit_pca(x, 40, counts.double()), fit_pca(x.repeat_interleave(counts, 0))
    torch.testing.assert_close(ours.mean, copies.mean, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(ours.variances, copies.variances, rtol=1e-12, atol=1e-12)
    found = pca_error(ours, x, 2, weight=counts.double())
    assert found == pytest.approx(pca_error(copies, x.repeat_interleave(counts, 0), 2), rel=1e-10)
