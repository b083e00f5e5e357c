"""The categorical error and its decomposition against closed forms, enumeration and the Bernoulli case, in float64."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch
from decompositions import NESTED, by_data_set, figures, total
from torch import Tensor
from torch.nn import functional as F
from torch.testing import assert_close

from aelab.errors import UserError
from aelab.objectives import Categorical
from aelab.objectives.bregman import LOGIT_BOUND
from aelab.replicas import Decomposer, decompose

EXACT = {"rel": 1e-12, "abs": 1e-12}
GROUPS = [None, NESTED]


def problem(replicas: int = 8, examples: int = 30, symbols: int = 5) -> tuple[Tensor, Tensor]:
    """Logits [K, N, 4, V] and targets [N, 4]."""
    draw = torch.Generator().manual_seed(0)
    target = torch.randint(symbols, (examples, 4), generator=draw)
    effect = torch.randn(replicas, 1, 4, symbols, generator=draw, dtype=torch.double)
    own = torch.randn(replicas, examples, 4, symbols, generator=draw, dtype=torch.double)
    return 2 * F.one_hot(target, symbols) + effect + own, target


def kl(p: Tensor, q: Tensor) -> Tensor:
    """KL(softmax p || softmax q) of logits [..., V]."""
    return F.kl_div(q.log_softmax(-1), p.log_softmax(-1), reduction="none", log_target=True).sum(-1)


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """PyTorch's, of logits [K, N, D, V] and one target [N, D] for all: [K, N, D]."""
    return torch.stack([F.cross_entropy(one.movedim(-1, 1), target, reduction="none") for one in logits])


# The error ----------------------------------------------------------------------------------------------------


def test_the_error_is_pytorchs_cross_entropy_summed_over_an_example() -> None:
    logits, target = problem(3)
    by_position = cross_entropy(logits, target)
    assert_close(Categorical()(logits, target), by_position.sum(-1), rtol=1e-12, atol=1e-12)
    assert_close(Categorical()(logits, target.float()), by_position.sum(-1), rtol=1e-12, atol=1e-12)
    kept = by_position * (target != 2)
    assert_close(Categorical(padding=2)(logits, target), kept.sum(-1), rtol=1e-12, atol=1e-12)


def test_its_gradient_is_the_prediction_less_the_truth() -> None:
    logits, target = problem(1)
    logits.requires_grad_()
    Categorical(padding=2)(logits, target).sum().backward()
    expected = (logits.detach().softmax(-1) - F.one_hot(target, 5)) * (target != 2).unsqueeze(-1)
    assert_close(logits.grad, expected, rtol=1e-12, atol=1e-12)


def test_wrong_symbols_are_counted_without_padding() -> None:
    logits, target = problem(3)
    wrong = logits.argmax(-1) != target
    beside = Categorical().beside(logits, target.double())
    assert torch.equal(beside["wrong"], wrong.sum(-1)) and (beside["symbols"] == 4).all()
    padded = Categorical(padding=0).beside(logits, target)
    assert torch.equal(padded["wrong"], (wrong & (target != 0)).sum(-1))
    assert torch.equal(padded["symbols"], (target != 0).sum(-1).expand(3, 30))
    assert torch.equal(Categorical().reconstruction(logits), logits.argmax(-1))
    with pytest.raises(UserError, match=r"error.padding=-1: symbols count from 0; use error.padding=0"):
        Categorical(padding=-1)


# The decomposition --------------------------------------------------------------------------------------------


def test_it_is_the_categorical_decomposition_jackknifed() -> None:
    logits, target = problem(5)
    mean = logits.mean(0)
    result = decompose(logits, target, "categorical")
    error = cross_entropy(logits, target).mean(0)
    naive_bias2 = -mean.log_softmax(-1).gather(-1, target.unsqueeze(-1)).squeeze(-1)
    naive_variance = kl(mean, logits).mean(0)
    without = [logits[[k for k in range(5) if k != left]].mean(0) for left in range(5)]
    correction = torch.stack([4 * kl(mean, one) for one in without]).mean(0)
    assert result.noise == 0 and result.noiseless
    assert result.error == pytest.approx(total(error), **EXACT)
    assert result.naive_bias2 == pytest.approx(total(naive_bias2), **EXACT)
    assert result.naive_variance == pytest.approx(total(naive_variance), **EXACT)
    assert result.variance == pytest.approx(total(naive_variance + correction), **EXACT)
    assert result.bias2 == pytest.approx(total(naive_bias2 - correction), **EXACT)
    assert_close(result.bias2_map, (naive_bias2 - correction).mean(0), rtol=1e-12, atol=1e-12)
    assert_close(result.variance_map, (naive_variance + correction).mean(0), rtol=1e-12, atol=1e-12)
    assert_close(result.per_example.error, error.sum(-1), rtol=1e-12, atol=1e-12)


def test_nested_it_is_the_law_of_total_bregman_information() -> None:
    """E A(z) - A(E z) of the means of data sets, and within them, A = logsumexp; each jackknifed."""
    logits, target = problem()
    sets = by_data_set(logits)  # [S, R, N, 4, V]
    means = sets.mean(1)

    def information(z: Tensor) -> Tensor:
        """Of units over the first axis."""
        return z.logsumexp(-1).mean(0) - z.mean(0).logsumexp(-1)

    def correction(z: Tensor) -> Tensor:
        units = len(z)
        return torch.stack([(units - 1) * kl(z.mean(0), (z.sum(0) - one) / (units - 1)) for one in z]).mean(0)

    within = torch.stack([information(one) for one in sets]).mean(0)
    init = within + torch.stack([correction(one) for one in sets]).mean(0)
    whole = within + information(means) + correction(means)
    result = decompose(logits, target, "categorical", NESTED)
    assert result.variance_init == pytest.approx(total(init), **EXACT)
    assert result.variance == pytest.approx(total(whole), **EXACT)
    assert result.variance_data == pytest.approx(total(whole - init), **EXACT)
    assert result.naive_variance == pytest.approx(total(within + information(means)), **EXACT)


@pytest.mark.parametrize("groups", GROUPS)
@pytest.mark.parametrize("scale", [1.0, 20.0, 1000.0])
def test_two_symbols_are_the_cross_entropy_of_one_logit(groups: list[str] | None, scale: float) -> None:
    """With logit z_1 - z_0, in every figure, saturated or not."""
    logits, target = problem(symbols=2)
    logits = logits * scale
    ours = decompose(logits, target, "categorical", groups)
    theirs = decompose(logits[..., 1] - logits[..., 0], target.double(), "cross_entropy", groups)
    assert figures(ours) == pytest.approx(figures(theirs), **EXACT)
    for name in ("bias2_map", "variance_map"):
        assert_close(getattr(ours, name), getattr(theirs, name), rtol=1e-12, atol=1e-12)


POPULATION = [
    [0.6990236566794081, -0.8768368221224768, 2.3966807140384083, -0.34647370528183646],
    [0.4609525934104798, -3.0608198809065907, 1.2066969706997603, 3.197862515246398],
    [-0.5061592601980563, -1.591455606320193, -4.586289916332179, 1.766348660604538],
]
"""Three predictions of four logits, of shared/families.md, section B (as its probe draws them)."""


def divergence(z: Tensor, centre: Tensor) -> Tensor:
    return z.logsumexp(-1) - centre.logsumexp(-1) - (centre.softmax(-1) * (z - centre)).sum(-1)


@pytest.mark.parametrize(
    ("replicas", "plug_in", "jackknifed"),
    [(2, -0.389425, -0.050814), (3, -0.265912, -0.018887), (5, -0.162235, -0.004673)],
)
def test_bias_over_all_tuples_of_a_population_of_three(replicas: int, plug_in: float, jackknifed: float) -> None:
    """Every K-tuple of three predictions, each as likely: exact expectations of the estimators beside the truth."""
    population = torch.tensor(POPULATION, dtype=torch.double)
    truth = divergence(population, population.mean(0)).mean().item()
    assert truth == pytest.approx(0.728037, abs=1e-6)
    found = []
    for chosen in itertools.product(range(3), repeat=replicas):
        logits = population[list(chosen)].reshape(replicas, 1, 1, 4)
        result = decompose(logits, torch.zeros(1, 1, dtype=torch.long), "categorical")
        found.append((result.naive_variance, result.variance))
    naive, variance = (math.fsum(each) / len(found) for each in zip(*found, strict=True))
    assert naive - truth == pytest.approx(plug_in, abs=1e-6)
    assert variance - truth == pytest.approx(jackknifed, abs=1e-6)


@pytest.mark.parametrize("groups", GROUPS)
@pytest.mark.parametrize("replicas", [8])
def test_noise_bias_and_variance_are_the_error(replicas: int, groups: list[str] | None) -> None:
    result = decompose(*problem(replicas), "categorical", groups)
    assert result.noise + result.bias2 + result.variance == pytest.approx(result.error, rel=1e-12)
    assert result.bias2_map.sum().item() == pytest.approx(result.bias2, rel=1e-12)
    assert result.variance_map.sum().item() == pytest.approx(result.variance, rel=1e-12)


@pytest.mark.parametrize("groups", GROUPS)
def test_a_constant_added_to_the_logits_changes_nothing(groups: list[str] | None) -> None:
    """Of each replica, and of each of its positions, another one."""
    logits, target = problem()
    draw = torch.Generator().manual_seed(1)
    shift = 10 * torch.randn(8, 30, 4, 1, generator=draw, dtype=torch.double)
    shifted = decompose(logits + shift, target, "categorical", groups)
    assert figures(shifted) == pytest.approx(figures(decompose(logits, target, "categorical", groups)), **EXACT)


@pytest.mark.parametrize("groups", GROUPS)
def test_padding_leaves_everything_unchanged(groups: list[str] | None) -> None:
    """Positions of a sixth symbol behind every example, whatever is predicted there."""
    logits, target = problem()
    draw = torch.Generator().manual_seed(1)
    logits = torch.cat([logits, torch.randn(8, 30, 4, 1, generator=draw, dtype=torch.double)], -1)
    more = 5 * torch.randn(8, 30, 3, 6, generator=draw, dtype=torch.double)
    error = Categorical(padding=5)
    short = decompose(logits, target, error, groups)
    long = decompose(torch.cat([logits, more], 2), F.pad(target, (0, 3), value=5), error, groups)
    assert figures(long) == pytest.approx(figures(short), **EXACT)
    for name in ("bias2_map", "variance_map"):
        assert_close(getattr(long, name)[:4], getattr(short, name), rtol=1e-12, atol=1e-12)
        assert not getattr(long, name)[4:].any()
    assert figures(short) == pytest.approx(figures(decompose(logits, target, "categorical", groups)), **EXACT)


def test_saturated_logits_stay_finite_and_keep_their_digits() -> None:
    """A predicted log-probability is at least -30; right and certain, an error of 1e-13 still splits."""
    target = torch.arange(3).repeat(10, 1)
    right = F.one_hot(target, 3).double() * torch.tensor([500.0, 400.0, 1000.0], dtype=torch.double).reshape(3, 1, 1, 1)
    result = decompose(right, target, "categorical")
    assert result.error == pytest.approx(3 * math.log1p(2 * math.exp(-LOGIT_BOUND)), rel=1e-9, abs=0)
    assert result.variance == pytest.approx(0, abs=1e-25)
    wrong = decompose(right.roll(1, -1), target, "categorical")
    assert wrong.error == pytest.approx(3 * LOGIT_BOUND, rel=1e-9) and all(map(math.isfinite, figures(wrong).values()))
    sizes = torch.linspace(20, 29, 4, dtype=torch.double).reshape(4, 1, 1, 1)
    unequal = decompose(F.one_hot(target, 3) * sizes, target, "categorical")
    assert 0 < unequal.naive_variance < unequal.error < 1e-7 and unequal.naive_bias2 > 0


@pytest.mark.parametrize("kind", [torch.int16, torch.int64, torch.float32])
def test_targets_may_be_of_any_type_and_come_in_batches(kind: torch.dtype) -> None:
    logits, target = problem()
    decomposer = Decomposer("categorical", 8)
    for part in (slice(0, 7), slice(7, 30)):
        decomposer.update(logits[:, part], target[part].to(kind))
    assert figures(decomposer.result()) == pytest.approx(figures(decompose(logits, target, "categorical")), rel=1e-12)
    flat = decompose(logits[:, :, 0], target[:, 0], "categorical")
    assert flat.bias2_map.shape == ()


LOGITS, TARGET = problem(4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((LOGITS[..., 0], TARGET), "and one axis, the vocabulary, behind them"),
        ((LOGITS, TARGET + 1), r"whole numbers in \[0, 4\], but its values lie between 1 and 5"),
        ((LOGITS, TARGET - 1), r"whole numbers in \[0, 4\]"),
        ((LOGITS, TARGET + 0.5), r"whole numbers in \[0, 4\]"),
        ((LOGITS, TARGET * math.nan), r"whole numbers in \[0, 4\]"),
        ((LOGITS[:1], TARGET), "at least two replicas: 1 left"),
    ],
)
def test_bad_input_is_refused_in_one_line(arguments: Any, message: str) -> None:
    for drop_diverged in (False, True):
        with pytest.raises(ValueError, match=message) as caught:
            decompose(*arguments, "categorical", drop_diverged=drop_diverged)
        assert "\n" not in str(caught.value)
