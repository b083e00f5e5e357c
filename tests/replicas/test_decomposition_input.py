"""Bad input of the decomposition is one line; replicas that diverged are named or left out."""

import math
from typing import Any

import pytest
import torch
from decompositions import NESTED, SPLIT, figures, problem_of, random_problem

from aelab.replicas import Decomposer, decompose

pytestmark = pytest.mark.usefixtures("one_thread")

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


@pytest.mark.parametrize("error", SPLIT)
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


@pytest.mark.parametrize("error", SPLIT)
def test_a_diverged_replica_takes_its_data_set_along(error: str) -> None:
    predictions, target = problem_of(error)
    predictions[1] = math.nan  # of data set b, as replica 4 is
    result = decompose(predictions, target, error, NESTED, drop_diverged=True)
    rest = [0, 2, 3, 5, 6, 7]
    assert result.diverged == (1,) and (result.count_replicas, result.count_data_sets) == (6, 3)
    assert figures(result) == figures(decompose(predictions[rest], target, error, [NESTED[k] for k in rest]))


def test_nothing_diverged_nothing_left_out() -> None:
    assert decompose(GOOD, TARGET, drop_diverged=True).diverged == ()
