"""The bias-variance decomposition against its formulas, written out, and numbers that are hard to keep."""

import dataclasses

import numpy as np
import pytest
import torch
from decompositions import NESTED, SPLIT, by_data_set, figures, problem_of, random_problem, softplus, total, without

from aelab.objectives import ERRORS, SquaredError
from aelab.objectives.bregman import GAUSSIAN, LOGIT_BOUND
from aelab.replicas import decompose

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("error", SPLIT)
@pytest.mark.parametrize(("replicas", "groups"), [(2, None), (3, None), (8, None), (8, NESTED)])
def test_terms_add_up_to_the_error(error: str, replicas: int, groups: list[str] | None) -> None:
    predictions, target = problem_of(error, replicas)
    result = decompose(predictions, target, error, groups)
    assert result.noise + result.bias2 + result.variance == pytest.approx(result.error, rel=1e-12)
    assert result.noise + result.naive_bias2 + result.naive_variance == pytest.approx(result.error, rel=1e-12)
    assert result.bias2_map.shape == result.variance_map.shape == target.shape[1:]
    assert result.bias2_map.sum().item() == pytest.approx(result.bias2, rel=1e-12)
    assert result.variance_map.sum().item() == pytest.approx(result.variance, rel=1e-12)
    for name in ("error", "bias2", "variance"):
        each = getattr(result.per_example, name)
        assert each.shape == target.shape[:1] and each.dtype == torch.double
        assert each.mean().item() == pytest.approx(getattr(result, name), rel=1e-12)


def test_squared_error_is_the_textbook_estimate() -> None:
    predictions, target = random_problem(5)
    mean, variance = predictions.mean(0), predictions.var(0)
    bias2 = (mean - target).square() - variance / 5
    result = decompose(predictions, target)
    assert result.error == pytest.approx(total((predictions - target).square().mean(0)), rel=1e-12)
    assert result.bias2 == pytest.approx(total(bias2), rel=1e-12)
    assert result.variance == pytest.approx(total(variance), rel=1e-12)
    assert result.naive_bias2 == pytest.approx(total((mean - target).square()), rel=1e-12)
    assert result.naive_variance == pytest.approx(total(variance) * 4 / 5, rel=1e-12)
    assert result.noise == 0
    assert result.variance_data is None and result.variance_init is None
    assert (result.count_replicas, result.count_examples, result.count_data_sets) == (5, 30, None)
    torch.testing.assert_close(result.bias2_map, bias2.mean(0), rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(result.variance_map, variance.mean(0), rtol=1e-12, atol=0)
    torch.testing.assert_close(result.per_example.variance, variance.sum((1, 2)), rtol=1e-12, atol=0)


def test_nested_squared_error_is_the_balanced_anova() -> None:
    predictions, target = random_problem()
    sets = by_data_set(predictions)
    means, mean = sets.mean(1), predictions.mean(0)
    msw = (sets - means.unsqueeze(1)).square().sum((0, 1)) / 4
    msb = 2 * (means - mean).square().sum(0) / 3
    result = decompose(predictions, target, groups=NESTED)
    assert result.variance_init == pytest.approx(total(msw), rel=1e-12)
    assert result.variance_data == pytest.approx(total((msb - msw) / 2), rel=1e-12)
    assert result.variance == pytest.approx(total(msw + (msb - msw) / 2), rel=1e-12)
    assert result.bias2 == pytest.approx(total((mean - target).square() - msb / 8), rel=1e-12)
    assert (result.count_replicas, result.count_data_sets) == (8, 4)
    numbered = decompose(predictions, target, groups=torch.tensor(["abcd".index(name) for name in NESTED]))
    assert figures(numbered) == figures(result)


def test_cross_entropy_is_the_bernoulli_decomposition_jackknifed() -> None:
    logits, target = random_problem(5)
    p, mean = logits.sigmoid(), logits.mean(0)
    result = decompose(logits, target, "cross_entropy")
    cross_entropy = -(target * p.log() + (1 - target) * (1 - p).log()).mean(0)
    entropy = -(target * target.log() + (1 - target) * (1 - target).log())
    central = mean.sigmoid()
    kl = target * (target / central).log() + (1 - target) * ((1 - target) / (1 - central)).log()
    information = softplus(logits).mean(0) - softplus(mean)
    assert result.error == pytest.approx(total(cross_entropy), rel=1e-12)
    assert result.noise == pytest.approx(total(entropy), rel=1e-12)
    assert result.naive_bias2 == pytest.approx(total(kl), rel=1e-12)
    assert result.naive_variance == pytest.approx(total(information), rel=1e-12)
    # Delete-one jackknife, K V_K - (K-1) mean V_{K-1}, with each V_{K-1} from a decomposition of its own.
    smaller = [decompose(without(logits, k), target, "cross_entropy").naive_variance for k in range(5)]
    jackknifed = 5 * total(information) - 4 * np.mean(smaller)
    assert result.variance == pytest.approx(jackknifed, rel=1e-12)
    assert result.bias2 == pytest.approx(total(kl) + total(information) - jackknifed, rel=1e-12)


def test_nested_cross_entropy_jackknifes_each_level() -> None:
    logits, target = random_problem()
    sets = by_data_set(logits)
    means = sets.mean(1)
    # The potential at a mean of n, jackknifed: n A(mean) - (n-1) mean A(mean without one). Without one of two
    # replicas the other is left.
    of_sets = 2 * softplus(means) - softplus(sets).mean(1)
    left_out = torch.stack([without(means, s).mean(0) for s in range(4)])
    of_all = 4 * softplus(means.mean(0)) - 3 * softplus(left_out).mean(0)
    result = decompose(logits, target, "cross_entropy", NESTED)
    assert result.variance_init == pytest.approx(total(softplus(logits).mean(0) - of_sets.mean(0)), rel=1e-11)
    assert result.variance_data == pytest.approx(total(of_sets.mean(0) - of_all), rel=1e-11)
    assert result.variance == pytest.approx(total(softplus(logits).mean(0) - of_all), rel=1e-11)


def test_variance_of_the_cross_entropy_does_not_depend_on_the_target() -> None:
    logits, target = random_problem()
    one, other = (decompose(logits, t, "cross_entropy") for t in (target, (target > 0.5).double()))
    torch.testing.assert_close(one.per_example.variance, other.per_example.variance, rtol=1e-12, atol=0)
    assert other.noise == 0 and one.noise > 0


def test_a_perfect_prediction_of_grey_values_has_no_bias() -> None:
    _, target = random_problem()
    result = decompose(target.logit().expand(3, 30, 3, 2), target, "cross_entropy")
    assert result.bias2 == pytest.approx(0, abs=1e-14) and result.variance == pytest.approx(0, abs=1e-14)
    assert result.error == pytest.approx(result.noise, rel=1e-12)


# Numbers that are hard to keep ------------------------------------------------------------------------------


def test_logits_are_clamped_at_the_documented_bound() -> None:
    logits, target = random_problem(4)
    logits[1] *= 1e6
    clamped = decompose(logits.clamp(-LOGIT_BOUND, LOGIT_BOUND), target, "cross_entropy")
    assert figures(decompose(logits, target, "cross_entropy")) == figures(clamped)
    assert clamped.error < LOGIT_BOUND * target[0].numel()


@pytest.mark.parametrize("groups", [None, NESTED])
def test_confident_and_right_predictions_keep_their_digits(groups: list[str] | None) -> None:
    generator = torch.Generator().manual_seed(0)
    target = (torch.rand(50, 4, generator=generator) > 0.5).double()
    sizes = 28 + 2 * torch.rand(8, 50, 4, generator=generator, dtype=torch.double)
    result = decompose((2 * target - 1) * sizes, target, "cross_entropy", groups)
    # So far out A(-z) is exp(-z): its second order term is 1e-12 of it.
    assert result.error == pytest.approx(total(torch.exp(-sizes).mean(0)), rel=1e-11)
    plug_in = torch.exp(-sizes).mean(0) - torch.exp(-sizes.mean(0))
    assert result.naive_variance == pytest.approx(total(plug_in), rel=1e-10)


def test_confident_and_wrong_predictions_keep_their_digits() -> None:
    generator = torch.Generator().manual_seed(0)
    sizes = 20 + 2 * torch.rand(3, 50, 4, generator=generator, dtype=torch.double)
    result = decompose(sizes, torch.zeros(50, 4), "cross_entropy")
    assert result.error == pytest.approx(total((sizes + torch.exp(-sizes)).mean(0)), rel=1e-13)


def test_data_far_from_zero_keep_their_digits() -> None:
    predictions, target = random_problem()
    offset = 2.0**20
    residuals = ((predictions + offset) - (target + offset)) * 2**-10  # exact: powers of two
    far = decompose((predictions + offset) * 2**-10, (target + offset) * 2**-10)
    near = decompose(residuals, torch.zeros_like(target))
    assert figures(far) == pytest.approx(figures(near), rel=1e-12)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_computes_in_double_precision_whatever_the_input(dtype: torch.dtype) -> None:
    predictions, _ = random_problem()
    pixels = torch.arange(180, dtype=torch.uint8).view(30, 3, 2)
    predictions = (100 * predictions).to(dtype).requires_grad_()
    before = predictions.detach().clone()
    result = decompose(predictions, pixels)
    assert figures(result) == figures(decompose(before.double(), pixels.double()))
    assert torch.equal(before, predictions.detach()) and not result.bias2_map.requires_grad


def test_examples_may_be_single_values() -> None:
    predictions, target = random_problem()
    result = decompose(predictions[..., 0, 0], target[..., 0, 0])
    assert result.bias2_map.shape == () and result.bias2_map.item() == pytest.approx(result.bias2, rel=1e-12)


def test_an_inconsistent_error_is_caught() -> None:
    doubled = SquaredError()
    doubled.decomposition = dataclasses.replace(GAUSSIAN, divergence=lambda z, centre: 2 * (z - centre).square())
    with pytest.raises(RuntimeError, match=r"noise \+ bias2 \+ variance is .* but the error"):
        decompose(*random_problem(), error=doubled)


@pytest.mark.parametrize("error", SPLIT)
def test_an_error_may_be_the_object(error: str) -> None:
    """Its name stands for it; one that is not known to split is refused."""
    predictions, target = problem_of(error)
    by_name, by_object = decompose(predictions, target, error), decompose(predictions, target, ERRORS[error])
    assert by_name.metrics() == by_object.metrics()
    whole = SquaredError()
    whole.decomposition = None
    with pytest.raises(ValueError, match="error=squared: it is not known how this error splits"):
        decompose(predictions, target, whole)
