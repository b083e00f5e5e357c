"""Errors of examples with gaps: over all gaps that there may be, their mean is the error of whole examples."""

from __future__ import annotations

from copy import deepcopy
from itertools import combinations

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from aelab.errors import UserError
from aelab.evaluation.baselines.pca import fit_pca, pca_error, pca_errors
from aelab.models.base.learner import EvaluationTerms
from aelab.models.base.metrics import ReconstructionMetrics
from aelab.objectives import ERRORS, ObservedError
from aelab.replicas import decompose

WITH_VALUES = sorted(name for name, error in ERRORS.items() if hasattr(error, "values") and error.kind == "numbers")
SPLITTING = [name for name in WITH_VALUES if ERRORS[name].decomposition is not None]


def batch(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def targets(name: str, *shape: int) -> Tensor:
    return (3 * batch(*shape, seed=9)).round() if getattr(ERRORS[name], "whole", False) else batch(*shape, seed=9)


def gaps(x: Tensor, observed: tuple[int, ...]) -> Tensor:
    found = torch.full_like(x, torch.nan)
    found[..., list(observed)] = x[..., list(observed)]
    return found


@pytest.mark.parametrize("name", WITH_VALUES)
def test_the_mean_over_all_gaps_is_the_error_of_whole_examples(name: str) -> None:
    error = deepcopy(ERRORS[name])
    if isinstance(error, torch.nn.Module):
        error.double()
    observed = ObservedError(error)
    target = (targets(name, 7, 5) > 0.5).double() if name == "bernoulli" else targets(name, 7, 5)
    output = batch(7, 5)
    assert_close(observed(output, target), error(output, target), rtol=1e-14, atol=0)
    assert_close(observed.beside(output, target)["squared"], error.beside(output, target)["squared"])
    for count in (1, 3):
        found = [observed(output, gaps(target, some)) for some in combinations(range(5), count)]
        assert_close(torch.stack(found).mean(0), error(output, target), rtol=1e-13, atol=1e-13)
    by_hand = 5 / 2 * error.values(output, target)[..., [1, 3]].sum(-1)  # type: ignore[attr-defined]
    assert_close(observed(output, gaps(target, (1, 3))), by_hand)


@pytest.mark.parametrize("name", SPLITTING)
@pytest.mark.parametrize("groups", [None, [0, 0, 1, 1]], ids=["replicas", "nested"])
def test_so_is_that_of_bias_and_variance(name: str, groups: list[int] | None) -> None:
    error = ERRORS[name]
    predictions = batch(4, 6, 4) * 2 - 1
    target = (targets(name, 6, 4) > 0.5).double() if name == "bernoulli" else targets(name, 6, 4)
    whole = decompose(predictions, target, error, groups)
    same = decompose(predictions, target, ObservedError(error), groups)
    assert (same.bias2, same.variance) == pytest.approx((whole.bias2, whole.variance), rel=1e-14)
    found = [decompose(predictions, gaps(target, o), ObservedError(error), groups) for o in combinations(range(4), 2)]
    for part in ("error", "bias2", "variance", "noise", *(("variance_data", "variance_init") if groups else ())):
        mean = sum(getattr(one, part) for one in found) / len(found)
        assert mean == pytest.approx(getattr(whole, part), rel=1e-12, abs=1e-13)
    assert_close(torch.stack([one.variance_map for one in found]).mean(0), whole.variance_map)


def test_gaps_are_not_taken_for_values() -> None:
    predictions, target = batch(3, 4, 2), batch(4, 2)
    target[1, 0] = torch.nan
    with pytest.raises(ValueError, match="the target must be finite"):
        decompose(predictions, target, "squared")
    target[1, 1] = torch.nan
    with pytest.raises(ValueError, match="an example has no observed value"):
        decompose(predictions, target, ObservedError(ERRORS["squared"]))
    for name in ("ssim", "categorical"):
        with pytest.raises(UserError, match=f"error={name} data.missing=mask: .*; use error=squared"):
            ObservedError(ERRORS[name])


def test_mse_and_fvu_weigh_values_as_the_error_does() -> None:
    x = batch(9, 3)
    x[x < 0.3] = torch.nan
    weights = (~x.isnan()) * (3 / (~x.isnan()).sum(1, keepdim=True))
    known = x.nan_to_num()
    mean = (weights * known).sum(0) / weights.sum(0)
    error = ObservedError(ERRORS["squared"])
    metrics = ReconstructionMetrics()
    output = mean.expand_as(x)
    each = error(output, x)
    metrics.update(x[:4], EvaluationTerms(each[:4], error.beside(output[:4], x[:4]), each[:4].mean(), {}))
    metrics.update(x[4:], EvaluationTerms(each[4:], error.beside(output[4:], x[4:]), each[4:].mean(), {}))
    found = metrics.compute(lambda value: value)
    assert found["fvu"].item() == pytest.approx(1, rel=1e-12), "predicting the mean explains nothing"
    assert found["mse"].item() == pytest.approx((weights * (known - mean) ** 2).sum().item() / 27)
    assert found["error"].item() == pytest.approx(3 * found["mse"].item())


def test_pca_takes_gaps_for_means_and_counts_what_is_observed() -> None:
    x = batch(50, 4) @ batch(4, 4, seed=2)
    holes = x.clone()
    holes[::3, 1] = torch.nan
    means = torch.where(holes.isnan(), holes.nanmean(0), holes)
    pca, of_means = fit_pca(holes), fit_pca(means)
    for chunk in (2**21, 8):
        assert_close(fit_pca(holes, chunk).variances, of_means.variances)
    apart = (means - of_means.mean) @ of_means.directions[:2].mT @ of_means.directions[:2] + of_means.mean - means
    squares = apart.square() * ~holes.isnan() * (4 / (~holes.isnan()).sum(1, keepdim=True))
    assert_close(pca_errors(pca, holes, 2), squares.sum(1))
    assert pca_error(pca, holes, 2, 8) == pytest.approx(squares.sum().item() / 50)
