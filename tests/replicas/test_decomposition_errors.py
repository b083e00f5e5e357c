"""Standard errors and intervals of the decomposition against brute force and tables."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from decompositions import DESIGNS, NESTED, SPLIT, problem_of, random_problem, without

from aelab.replicas import decompose

pytestmark = pytest.mark.usefixtures("one_thread")


def jackknife_se(left_out: Sequence[float]) -> float:
    return math.sqrt((len(left_out) - 1) * np.var(left_out))


def test_replicas_standard_error_is_the_brute_force_jackknife() -> None:
    predictions, target = random_problem(5)
    result = decompose(predictions, target)
    left_out = [decompose(without(predictions, k), target) for k in range(5)]
    for name in ("error", "bias2", "variance"):
        brute_force = jackknife_se([getattr(each, name) for each in left_out])
        assert getattr(result, f"{name}_se_replicas") == pytest.approx(brute_force, rel=1e-10)


def test_nested_replicas_standard_error_leaves_out_data_sets() -> None:
    predictions, target = random_problem()
    result = decompose(predictions, target, groups=NESTED)
    left_out = []
    for name in "abcd":
        rest = [k for k in range(8) if NESTED[k] != name]
        left_out.append(decompose(predictions[rest], target, groups=[NESTED[k] for k in rest]))
    for name in ("error", "bias2", "variance", "variance_data", "variance_init"):
        brute_force = jackknife_se([getattr(each, name) for each in left_out])
        assert getattr(result, f"{name}_se_replicas") == pytest.approx(brute_force, rel=1e-10)


def test_cross_entropy_replicas_standard_error_is_the_widened_jackknife_of_the_plug_in() -> None:
    logits, target = random_problem(5)
    result = decompose(logits, target, "cross_entropy")
    left_out = [decompose(without(logits, k), target, "cross_entropy") for k in range(5)]
    variance = [each.naive_variance * 4 / 3 for each in left_out]
    error = [each.error for each in left_out]
    bias2 = [e - v for e, v in zip(error, variance, strict=True)]
    assert result.error_se_replicas == pytest.approx(jackknife_se(error), rel=1e-10)
    assert result.variance_se_replicas == pytest.approx(jackknife_se(variance), rel=1e-10)
    assert result.bias2_se_replicas == pytest.approx(jackknife_se(bias2), rel=1e-10)
    # What is spared: leaving replicas out of the jackknifed estimate itself, two at a time in all.
    exact = jackknife_se([each.variance for each in left_out])
    assert result.variance_se_replicas == pytest.approx(exact, rel=0.1)


@pytest.mark.parametrize(("error", "groups"), DESIGNS)
def test_examples_standard_error_is_that_of_a_mean_of_examples(error: str, groups: list[str] | None) -> None:
    predictions, target = problem_of(error)
    result = decompose(predictions, target, error, groups)
    alone = [decompose(predictions[:, [n]], target[[n]], error, groups) for n in range(30)]
    names = ["error", "bias2", "variance"] + (["variance_data", "variance_init"] if groups else [])
    for name in names:
        values = [getattr(each, name) for each in alone]
        examples, replicas = getattr(result, f"{name}_se_examples"), getattr(result, f"{name}_se_replicas")
        assert examples == pytest.approx(np.std(values, ddof=1) / math.sqrt(30), rel=1e-9)
        assert getattr(result, f"{name}_se") == pytest.approx(math.hypot(examples, replicas), rel=1e-12)


@pytest.mark.parametrize("error", SPLIT)
def test_what_two_replicas_cannot_tell_is_nan_and_not_logged(error: str) -> None:
    predictions, target = problem_of(error, 2)
    result = decompose(predictions, target, error)
    assert math.isnan(result.variance_se_replicas) and math.isnan(result.bias2_se)
    assert result.error_se > 0
    logged = result.metrics()
    assert "test/variance" in logged and "test/variance_se_examples" in logged
    assert "test/variance_se" not in logged and "test/bias2_se_replicas" not in logged
    assert all(map(math.isfinite, logged.values()))
    assert all(map(math.isnan, result.interval("variance")))


def test_metrics_are_named_as_they_are_logged() -> None:
    predictions, target = random_problem()
    suffixes = ("", "_se", "_se_examples", "_se_replicas")
    ends = ("_low", "_high")
    names = ["error", "bias2", "variance", "variance_data", "variance_init"]
    nested = decompose(predictions, target, groups=NESTED)
    intervals = {f"test/{n}{end}": value for n in names for end, value in zip(ends, nested.interval(n), strict=True)}
    values = {f"test/{n}{s}": getattr(nested, n + s) for n in names for s in suffixes}
    assert nested.metrics() == values | intervals
    grey = decompose(predictions, target, "cross_entropy")
    assert set(grey.metrics("val/")) == {f"val/{n}{s}" for n in names[:3] for s in suffixes + ends} | {"val/noise"}
    binary = decompose(predictions, target.round(), "cross_entropy")
    assert binary.metrics()["test/noise"] == 0


def test_interval_takes_a_t_quantile_for_each_part() -> None:
    predictions, target = random_problem(5, examples=30)
    result = decompose(predictions, target)
    low, high = result.interval("bias2")
    # From a table: .975 at 29 and 4 degrees of freedom, then .95 at 29 and 3.
    half = math.hypot(2.0452 * result.bias2_se_examples, 2.7764 * result.bias2_se_replicas)
    assert (low + high) / 2 == pytest.approx(result.bias2, rel=1e-12)
    assert (high - low) / 2 == pytest.approx(half, rel=1e-4)
    nested = decompose(*random_problem(), "squared", NESTED)
    assert nested.variance_data_se_examples is not None and nested.variance_data_se_replicas is not None
    low, high = nested.interval("variance_data", level=0.9)
    half = math.hypot(1.6991 * nested.variance_data_se_examples, 2.3534 * nested.variance_data_se_replicas)
    assert (high - low) / 2 == pytest.approx(half, rel=1e-4)
    for name in ("variance_data", "noise", "nonsense"):
        with pytest.raises(ValueError, match=f"no interval for '{name}': .* error, bias2, variance$"):
            result.interval(name)
