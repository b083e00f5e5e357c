"""The bias-variance decomposition against formulas, closed forms, simulations and golden values."""

import dataclasses
import math
import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from aelab.objectives import ERRORS, SquaredError
from aelab.objectives.bregman import GAUSSIAN, LOGIT_BOUND
from aelab.replicas import Decomposer, Decomposition, decompose
from aelab.replicas import decomposition as module

NESTED = ["a", "b", "c", "d", "b", "c", "d", "a"]  # four data sets, two initialisations, in no order
DESIGNS = [(error, groups) for error in ERRORS for groups in (None, NESTED)]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


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


# Formulas, written out --------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", list(ERRORS))
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


@pytest.mark.parametrize("error", list(ERRORS))
def test_an_error_may_be_the_object(error: str) -> None:
    """Its name stands for it; one that is not known to split is refused."""
    predictions, target = problem_of(error)
    by_name, by_object = decompose(predictions, target, error), decompose(predictions, target, ERRORS[error])
    assert by_name.metrics() == by_object.metrics()
    whole = SquaredError()
    whole.decomposition = None
    with pytest.raises(ValueError, match="error=squared: it is not known how this error splits"):
        decompose(predictions, target, whole)


# Streaming --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("error", "groups"), DESIGNS)
def test_batches_give_what_the_whole_gives(
    error: str, groups: list[str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictions, target = problem_of(error)
    whole = decompose(predictions, target, error, groups)
    monkeypatch.setattr(module, "CHUNK_VALUES", 4 * predictions[:, 0].numel())  # four examples at a time
    decomposer = Decomposer(error, 8, groups)
    for start, stop in pairwise([0, 1, 14, 19, 30]):
        decomposer.update(predictions[:, start:stop], target[start:stop])
    result = decomposer.result()
    assert figures(result) == pytest.approx(figures(whole), rel=1e-12)
    for name in ("bias2_map", "variance_map"):
        torch.testing.assert_close(getattr(result, name), getattr(whole, name), rtol=1e-12, atol=1e-14)
    for name in ("error", "bias2", "variance"):
        one, other = getattr(result.per_example, name), getattr(whole.per_example, name)
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)


def test_a_refused_batch_adds_nothing() -> None:
    predictions, target = random_problem(4)
    decomposer = Decomposer("squared", 4)
    decomposer.update(predictions, target)
    spoilt = predictions.clone()
    spoilt[2, -1, 0, 0] = math.nan
    with pytest.raises(ValueError, match="replica 2"):
        decomposer.update(spoilt, target)
    assert figures(decomposer.result()) == figures(decompose(predictions, target))


class LargestTensor(TorchDispatchMode):
    """Records the bytes of the largest tensor that any operation makes."""

    bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if isinstance(out, Tensor) and not out._is_view():
            self.bytes = max(self.bytes, out.untyped_storage().nbytes())
        return out


@pytest.mark.parametrize(("error", "groups"), DESIGNS)
def test_memory_does_not_grow_with_the_predictions(error: str, groups: list[str] | None) -> None:
    decomposer, shape = Decomposer(error, 8, groups), (50, 4)[: 1 + ERRORS[error].event]
    with LargestTensor() as largest:
        for _ in range(3):
            decomposer.update(torch.zeros(8, 1, *shape).expand(8, 2000, *shape), torch.zeros(1, 50).expand(2000, 50))
    assert largest.bytes <= 8 * module.CHUNK_VALUES < 8 * 8 * 2000 * 50 / 10
    lists = [value if isinstance(value, list) else [value] for value in vars(decomposer).values()]
    state = sum(each.untyped_storage().nbytes() for one in lists for each in one if isinstance(each, Tensor))
    assert state >= 8 * 6 * 6000
    assert state <= 8 * (6 * 6000 + 4 * 8 + 2 * 50 + 8)


FULL_SIZE = """
import torch
from aelab.replicas import Decomposer

def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))

torch.set_num_threads(1)
decomposer, generator = Decomposer("squared", 50), torch.Generator().manual_seed(0)
for batch in range(100):
    decomposer.update(torch.randn(50, 100, 784, generator=generator), torch.zeros(100, 784))
    start = start if batch else peak()
result = decomposer.result()
print(peak() - start, result.variance / 784, result.bias2 / 784, result.count_examples)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the peak memory from /proc")
def test_memory_of_fifty_replicas_on_ten_thousand_images() -> None:
    """Keeping the predictions would take 1,568 MB (float32)."""
    command = [sys.executable, "-c", FULL_SIZE]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    growth, variance, bias2, examples = map(float, done.stdout.split())
    print(f"peak memory grew by {growth:.1f} MB")
    assert growth < 64
    assert (variance, bias2) == pytest.approx((1, 0), abs=1e-3) and examples == 10_000


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(("error", "groups"), DESIGNS)
def test_cuda_gives_what_the_processor_gives(error: str, groups: list[str] | None) -> None:
    predictions, target = problem_of(error, examples=2000)
    on_gpu = decompose(predictions.cuda(), target.cuda(), error, groups)
    assert on_gpu.bias2_map.is_cuda
    assert figures(on_gpu) == pytest.approx(figures(decompose(predictions, target, error, groups)), rel=1e-11)


# Standard errors --------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("error", list(ERRORS))
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


# Simulations ------------------------------------------------------------------------------------------------

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(200)


def mean_softplus(mean: float, sd: float) -> float:
    """E A(z) for z ~ N(mean, sd^2), by quadrature."""
    return float(WEIGHTS @ np.logaddexp(0, mean + sd * NODES) / WEIGHTS.sum())


def random_functions(sets: int, inits: int, common: float, generator: torch.Generator) -> Tensor:
    """Standard normal functions on 100 random examples of 2 values: a data set's, and an initialisation's.

    Both [sets * inits, 100, 2]. A function is 8 normal weights on random features of a value, of length 1: as
    with one trained network, all of a replica's errors come of the same weights. With `common` = 0 they have
    either sign at random; the larger it is, the more they move as one.
    """

    def functions(count: int) -> Tensor:
        features = torch.randn(100, 2, 8, generator=generator, dtype=torch.double) + common
        features /= features.norm(dim=-1, keepdim=True)
        weights = torch.randn(count, 8, generator=generator, dtype=torch.double)
        return torch.einsum("km,ndm->knd", weights, features)

    return torch.stack([functions(sets).repeat_interleave(inits, 0), functions(sets * inits)])


SIMULATED = [("squared", 16, 1), ("squared", 12, 2), ("cross_entropy", 16, 1), ("cross_entropy", 12, 2)]


@pytest.mark.parametrize("common", [0, 0.5])
@pytest.mark.parametrize(("error", "sets", "inits"), SIMULATED)
def test_intervals_cover_the_truth(error: str, sets: int, inits: int, common: float) -> None:
    """Drawing replicas and examples anew, 95 % intervals hold the truth in 90 to 99 % of 400 simulations."""
    generator = torch.Generator().manual_seed(1)
    biases, data, init, target = (0.2, 1.2), 1.0, 0.5, 0.3  # half of the examples have each bias
    sd = math.hypot(data, init)
    if error == "squared":
        truth = {"bias2": np.square(biases).mean(), "variance_data": data**2, "variance_init": init**2}
    else:
        centres = [target + bias for bias in biases]
        noise = -target * math.log(target) - (1 - target) * math.log(1 - target)
        levels = [np.mean([mean_softplus(c, each) for c in centres]) for each in (0, data, sd)]
        truth = {"bias2": levels[0] - target * np.mean(centres) - noise}
        truth |= {"variance_data": levels[1] - levels[0], "variance_init": levels[2] - levels[1]}
    truth["variance"] = truth["variance_data"] + truth["variance_init"]
    groups = [k // inits for k in range(sets * inits)] if inits > 1 else None
    names = [name for name in truth if groups or name in ("bias2", "variance")]
    covered = dict.fromkeys(names, 0)
    for _ in range(400):
        of_data, of_init = random_functions(sets, inits, common, generator)
        bias = torch.tensor(biases)[torch.randint(2, (100, 1), generator=generator)]
        predictions = target + bias + data * of_data + init * of_init
        result = decompose(predictions, torch.full((100, 2), target), error, groups)
        for name in names:
            low, high = result.interval(name)
            covered[name] += int(low <= 2 * truth[name] <= high)
    print(error, sets, inits, common, covered)
    assert all(360 <= count <= 396 for count in covered.values()), covered


def test_gaussian_predictors_meet_their_closed_forms() -> None:
    """Independent N(b, s^2) errors: bias2 |b|^2, variance D s^2, whose estimate varies by 2 D s^4 / (K-1)."""
    generator = torch.Generator().manual_seed(0)
    replicas, examples, values, sd = 4, 100_000, 3, 0.8
    bias = torch.tensor([0.5, -0.2, 0.0], dtype=torch.double)
    noise = torch.randn(replicas, examples, values, generator=generator, dtype=torch.double)
    result = decompose(bias + sd * noise, torch.zeros(examples, values))
    assert result.bias2 == pytest.approx(0.29, abs=4 * result.bias2_se_examples)
    assert result.variance == pytest.approx(values * sd**2, abs=4 * result.variance_se_examples)
    assert result.error == pytest.approx(0.29 + values * sd**2, abs=4 * result.error_se_examples)
    expected = math.sqrt(2 * values * sd**4 / (replicas - 1) / examples)
    assert result.variance_se_examples == pytest.approx(expected, rel=0.02)
    assert result.naive_bias2 - result.bias2 == pytest.approx(result.variance / replicas, rel=1e-10)


def test_nested_simulation_recovers_its_components() -> None:
    """Three data sets of two initialisations, drawn anew for each example: .36 / 1.0 / .25."""
    generator = torch.Generator().manual_seed(0)
    examples = 400_000
    of_data = torch.randn(3, 1, examples, generator=generator, dtype=torch.double)
    of_init = torch.randn(3, 2, examples, generator=generator, dtype=torch.double)
    predictions = (0.6 + of_data + 0.5 * of_init).flatten(0, 1)
    result = decompose(predictions, torch.zeros(examples), groups=[0, 0, 1, 1, 2, 2])
    for name, truth in (("bias2", 0.36), ("variance_data", 1.0), ("variance_init", 0.25), ("variance", 1.25)):
        se = getattr(result, f"{name}_se_examples")
        assert se < 0.002 and getattr(result, name) == pytest.approx(truth, abs=4 * se)
    # A single example's estimate is often negative. Clipping them would spoil the mean above.
    negative = (result.per_example.bias2 < 0).double().mean().item()
    assert 0.4 < negative < 0.5
    assert result.per_example.bias2.clamp(min=0).mean() > 0.5


PUBLISHED = [(3, 0.136, 0.209), (5, 0.167, 0.213), (10, 0.190, 0.214)]


@pytest.mark.parametrize(("replicas", "plug_in", "jackknife"), PUBLISHED)
def test_bernoulli_simulation(replicas: int, plug_in: float, jackknife: float) -> None:
    """Logits of standard deviation 1.5, by simulation and by quadrature, against the published three digits.

    Those come without the mean of the logits. With .7 all six are met; the true variance is then .2148, where
    a simulation had given .2154.
    """
    mean, sd = 0.7, 1.5
    at = {n: mean_softplus(mean, sd / math.sqrt(n)) for n in (1, replicas - 1, replicas)}
    expected_plug_in = at[1] - at[replicas]
    expected_jackknife = at[1] - replicas * at[replicas] + (replicas - 1) * at[replicas - 1]
    assert expected_plug_in == pytest.approx(plug_in, abs=5e-4)
    assert expected_jackknife == pytest.approx(jackknife, abs=5e-4)
    truth = at[1] - mean_softplus(mean, 0)
    assert truth == pytest.approx(0.2148, abs=5e-5)
    assert abs(expected_jackknife - truth) < 0.1 * abs(expected_plug_in - truth)

    generator = torch.Generator().manual_seed(0)
    logits = mean + sd * torch.randn(replicas, 1_000_000, generator=generator, dtype=torch.double)
    result = decompose(logits, torch.full((1_000_000,), 0.4), "cross_entropy")
    se = result.variance_se_examples
    assert se < 3e-4
    assert result.variance == pytest.approx(expected_jackknife, abs=4 * se)
    assert result.naive_variance == pytest.approx(expected_plug_in, abs=4 * se)


def test_nested_bernoulli_simulation() -> None:
    """Four data sets of three initialisations, drawn anew for each example, against quadrature and truth."""
    generator = torch.Generator().manual_seed(0)
    mean, data, init, sets, inits, examples = 0.7, 1.0, 0.8, 4, 3, 500_000
    of_data = torch.randn(sets, 1, examples, generator=generator, dtype=torch.double)
    of_init = torch.randn(sets, inits, examples, generator=generator, dtype=torch.double)
    logits = (mean + data * of_data + init * of_init).flatten(0, 1)
    groups = [s for s in range(sets) for _ in range(inits)]
    result = decompose(logits, torch.full((examples,), 0.4), "cross_entropy", groups)

    def at(variance: float) -> float:
        return mean_softplus(mean, math.sqrt(variance))

    def within(count: int) -> float:  # the variance of a data set's mean over `count` initialisations
        return data**2 + init**2 / count

    of_sets = inits * at(within(inits)) - (inits - 1) * at(within(inits - 1))
    of_all = sets * at(within(inits) / sets) - (sets - 1) * at(within(inits) / (sets - 1))
    expected = {"variance_init": at(within(1)) - of_sets, "variance_data": of_sets - of_all}
    truth = {"variance_init": at(within(1)) - at(data**2), "variance_data": at(data**2) - at(0)}
    for name, value in expected.items():
        assert getattr(result, name) == pytest.approx(value, abs=4 * getattr(result, f"{name}_se_examples"))
        assert value == pytest.approx(truth[name], rel=0.03)


# Golden values: PCA of the digits ---------------------------------------------------------------------------


Digits = tuple[Tensor, Tensor]


@pytest.fixture(scope="module")
def digits() -> Digits:
    """The 1437 images of the training pool, 0..1, and the 360 of the test set."""
    images = torch.tensor(load_digits().data / 16)
    testing = torch.arange(len(images)) % 5 == 0
    return images[~testing], images[testing]


def pca_curve(digits: Digits, parts: int, code_size: int) -> dict[str, float]:
    """PCA of each part of the pool, decomposed on the test set; the mean over five random partitions."""
    pool, test = digits
    results = []
    for seed in range(5):
        predictions = []
        for part in np.array_split(np.random.RandomState(seed).permutation(len(pool)), parts):
            mean = pool[part].mean(0)
            axes = torch.linalg.svd(pool[part] - mean, full_matrices=False).Vh[:code_size]
            predictions.append(mean + (test - mean) @ axes.T @ axes)
        results.append(decompose(torch.stack(predictions), test))
    names = ("error", "bias2", "variance", "naive_bias2")
    return {name: float(np.mean([getattr(each, name) for each in results])) for name in names}


@pytest.mark.parametrize(
    ("parts", "code_size", "golden"),
    [
        (2, 8, (1.5846, 1.4775, 0.1071, 1.5310)),
        (10, 2, (3.4342, 3.0182, 0.4160, 3.0598)),
        (10, 8, (1.6889, 1.3978, 0.2911, 1.4269)),
        (10, 16, (0.8517, 0.6171, 0.2346, 0.6406)),
    ],
)
def test_pca_of_digits(digits: Digits, parts: int, code_size: int, golden: tuple[float, ...]) -> None:
    found = pca_curve(digits, parts, code_size)
    assert tuple(found.values()) == pytest.approx(golden, abs=1e-4)


def test_pca_variance_is_not_monotone_in_the_code_size(digits: Digits) -> None:
    curve = [pca_curve(digits, 10, code_size) for code_size in (1, 2, 4, 8, 16, 24, 32)]
    # Published to three digits. The third, .200, is .19949 here and with scikit-learn's PCA: hence .1995.
    golden = [0.417, 0.416, 0.1995, 0.291, 0.235, 0.175, 0.112]
    assert [each["variance"] for each in curve] == pytest.approx(golden, abs=5e-4)
    for name in ("error", "bias2"):
        assert all(larger[name] > smaller[name] for larger, smaller in pairwise(curve))


# Bad input --------------------------------------------------------------------------------------------------

GOOD, TARGET = random_problem(4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((GOOD[:1], TARGET), "at least two replicas: 1 left"),
        ((GOOD, TARGET[:-1]), r"predictions \[4, 30, 3, 2\], target \[29, 3, 2\]"),
        ((TARGET, TARGET), "one axis, the replicas, before those of the target"),
        ((GOOD[:, :0], TARGET[:0]), "no examples"),
        ((GOOD[0, 0, 0], torch.tensor(1.0)), "predictions need one axis"),
        ((GOOD, TARGET, "absolute"), "unknown error 'absolute': choose one of squared, cross_entropy"),
        ((GOOD, TARGET + 0.5, "cross_entropy"), r"target must be in \[0, 1\]"),
        ((GOOD, TARGET - 0.5, "cross_entropy"), r"target must be in \[0, 1\]"),
        ((GOOD, TARGET * math.nan, "cross_entropy"), r"target must be in \[0, 1\]"),
        ((GOOD, TARGET * math.inf), "target must be finite"),
        ((GOOD, TARGET, "squared", [0, 0, 1]), "one entry for each of the 4 replicas"),
        ((GOOD, TARGET, "squared", [0, 0, 0, 1]), r"equally many replicas, 2 or more, .* have \[1, 3\]"),
        ((GOOD, TARGET, "squared", [0, 1, 2, 3]), r"equally many replicas, 2 or more, .* have \[1\]"),
        ((GOOD, TARGET, "squared", [7, 7, 7, 7]), "at least two data sets: 1 left"),
    ],
)
def test_bad_input_is_refused_in_one_line(arguments: tuple[Any, ...], message: str) -> None:
    named = dict(zip(("predictions", "target", "error", "groups"), arguments, strict=False))
    for drop_diverged in (False, True):
        with pytest.raises(ValueError, match=message) as caught:
            decompose(**named, drop_diverged=drop_diverged)
        assert "\n" not in str(caught.value)


def test_batches_must_agree() -> None:
    decomposer = Decomposer("squared", 4)
    with pytest.raises(ValueError, match="no examples: call update"):
        decomposer.result()
    decomposer.update(GOOD, TARGET)
    with pytest.raises(ValueError, match="predictions of 3 replicas, expected 4"):
        decomposer.update(GOOD[:3], TARGET)
    with pytest.raises(ValueError, match=r"examples of shape \[3\], before \[3, 2\]"):
        decomposer.update(GOOD[..., 0], TARGET[..., 0])
    with pytest.raises(ValueError, match="one entry for each of the 4 replicas"):
        Decomposer("squared", 4, keep=[True, True, True])


@pytest.mark.parametrize("error", list(ERRORS))
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e200])
def test_a_diverged_replica_is_named_or_left_out(error: str, value: float) -> None:
    predictions, target = problem_of(error, 6)
    predictions[3, 7, 1, 1] = value  # of symbols: all logits of one
    predictions[5] = value
    with pytest.raises(ValueError, match="replica 3 are not finite"):
        decompose(predictions, target, error)
    result = decompose(predictions, target, error, drop_diverged=True)
    assert result.diverged == (3, 5) and result.count_replicas == 4
    assert figures(result) == figures(decompose(predictions[[0, 1, 2, 4]], target, error))
    streamed = Decomposer(error, 6, keep=[True, True, True, False, True, False])
    streamed.update(predictions, target)
    assert streamed.result().diverged == (3, 5) and figures(streamed.result()) == figures(result)
    with pytest.raises(ValueError, match=r"at least two replicas: 1 left, without \(1, 2\)"):
        decompose(predictions[[0, 3, 5]], target, error, drop_diverged=True)


@pytest.mark.parametrize("error", list(ERRORS))
def test_a_diverged_replica_takes_its_data_set_along(error: str) -> None:
    predictions, target = problem_of(error)
    predictions[1] = math.nan  # of data set b, as replica 4 is
    result = decompose(predictions, target, error, NESTED, drop_diverged=True)
    rest = [0, 2, 3, 5, 6, 7]
    assert result.diverged == (1,) and (result.count_replicas, result.count_data_sets) == (6, 3)
    assert figures(result) == figures(decompose(predictions[rest], target, error, [NESTED[k] for k in rest]))


def test_nothing_diverged_nothing_left_out() -> None:
    assert decompose(GOOD, TARGET, drop_diverged=True).diverged == ()
