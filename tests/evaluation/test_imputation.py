"""Hidden values: baselines reach the conditional mean of a Gaussian, masks are fixed, known values stay."""

from __future__ import annotations

import numpy as np
import pytest

from aelab.errors import UserError
from aelab.evaluation.baselines.imputers import mean, neighbours, principal_components, ridge_in_turn
from aelab.evaluation.imputation import Imputation
from aelab.evaluation.measures.hiding import hidden_values
from aelab.evaluation.protocol import Examples, Part

GOLDEN = 0.80813453  # tr(S_mm - S_mo S_oo^-1 S_om), the least error of values 1 and 4 given the others
HIDDEN, SEEN = [1, 4], [0, 2, 3, 5]


def covariance() -> np.ndarray:
    import torch

    draw = torch.Generator().manual_seed(0)
    vectors = torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64, generator=draw)).Q.numpy()
    return np.asarray(vectors @ np.diag([5, 3, 1.5, 0.6, 0.3, 0.1]) @ vectors.T)


def exactly(s: np.ndarray, count: int) -> np.ndarray:
    """Examples whose mean is 0 and whose covariance is s."""
    x = np.random.default_rng(0).standard_normal((count, len(s)))
    x = (x - x.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(x.T, bias=True))).T
    return np.asarray(x @ np.linalg.cholesky(s).T)


def test_principal_components_and_ridge_give_the_conditional_mean() -> None:
    s = covariance()
    x = exactly(s, 2000)
    wanted = x[:, SEEN] @ np.linalg.solve(s[np.ix_(SEEN, SEEN)], s[np.ix_(SEEN, HIDDEN)])
    least = np.square(x[:, HIDDEN] - wanted).sum(1).mean()
    assert least == pytest.approx(GOLDEN, abs=1e-8)
    holes = x.copy()
    holes[:, HIDDEN] = np.nan
    found = principal_components(x, 5)(holes)  # with noise in the sixth direction any covariance is told
    np.testing.assert_allclose(found[:, HIDDEN], wanted, atol=1e-5)
    np.testing.assert_array_equal(found[:, SEEN], x[:, SEEN])
    regressed = ridge_in_turn(x, 0)(holes)
    assert np.square(x[:, HIDDEN] - regressed[:, HIDDEN]).sum(1).mean() == pytest.approx(GOLDEN, rel=0.02)
    assert np.square(x - mean(x)(holes)).sum(1).mean() == pytest.approx(s[1, 1] + s[4, 4])


def test_components_are_found_although_training_examples_have_gaps() -> None:
    s = covariance()
    x = exactly(s, 4000)
    train = np.where(np.random.default_rng(1).random(x.shape) < 0.1, np.nan, x)
    holes = x.copy()
    holes[:, HIDDEN] = np.nan
    for found in (
        principal_components(train, 3)(holes),
        neighbours(train[:500], 5)(holes),
        ridge_in_turn(train, 0)(holes),
    ):
        error = np.square(x[:, HIDDEN] - found[:, HIDDEN]).sum(1).mean()
        assert GOLDEN - 0.05 < error < 1.6, "between the least and half of that of the mean"


@pytest.mark.parametrize("mechanism", ["mcar", "mar"])
def test_what_is_hidden(mechanism: str) -> None:
    x = np.random.default_rng(0).standard_normal((4000, 8)).astype(np.float32)
    x[::7, 3] = np.nan
    columns = np.array([0, 1, 1, 2, 3, 4, 5, 6])
    hidden = hidden_values(x, columns, mechanism, 0.3, 0)
    np.testing.assert_array_equal(hidden, hidden_values(x, columns, mechanism, 0.3, 0))
    assert not hidden[np.isnan(x)].any() and (hidden[:, 1] == hidden[:, 2]).all()
    shares = hidden.sum(0) / (~np.isnan(x)).sum(0)
    never = shares == 0
    assert (~never).sum() == (8 if mechanism == "mcar" else pytest.approx(6, abs=1))
    np.testing.assert_allclose(shares[~never], 0.3, atol=0.03)
    assert (hidden.sum(1) < 8 - np.isnan(x).sum(1)).all(), "something is left of every example"
    if mechanism == "mar":  # it depends on what is never hidden, and on nothing else
        seen = np.nan_to_num(x[:, never])
        other = [
            np.abs(np.corrcoef(seen[:, k], hidden[:, j])[0, 1])
            for k in range(seen.shape[1])
            for j in np.flatnonzero(~never)
        ]
        assert max(other) > 0.2
    half = hidden_values(x[:, :1].repeat(2, 1), np.arange(2), mechanism, 0.9, 0)
    assert half.sum(1).max() == 1


class Perfect:
    code_size = 2

    def __init__(self, x: np.ndarray, off: float) -> None:
        self.x, self.off = x, off

    def encode(self, x: np.ndarray) -> np.ndarray:
        return x

    def decode(self, code: np.ndarray) -> np.ndarray:
        return code

    def reconstruct(self, x: np.ndarray) -> np.ndarray:
        return (self.x[: len(x)] + self.off).astype(np.float32)


def test_errors_are_of_hidden_values_alone_with_intervals() -> None:
    x = exactly(covariance(), 600).astype(np.float32)
    data = Examples(Part(x, None), Part(x[:200], None), Part(x, None), (6,), "gaussian")
    question = Imputation(rates=[30], mechanisms=["mcar"])
    [right] = question.measure(Perfect(x, 0.5), data)
    assert right.metric == "rmse_mcar_30" and right.value == pytest.approx(0.5, rel=1e-5)
    beside = question.baselines(data, 2)
    assert set(beside) == {"mean", "knn", "iterative_pca", "iterative_ridge"}
    for scores in beside.values():
        [score] = scores
        assert score.low is not None and score.high is not None and score.low < score.value < score.high
        [parts] = score.parts
        assert parts.mean() == pytest.approx(score.value, rel=1e-10)
    assert beside["iterative_ridge"][0].value < beside["mean"][0].value
    assert question.facts(data)["hidden"]["mcar_30"] == pytest.approx(0.3 * x.size, rel=0.05)


def test_what_cannot_be_meant() -> None:
    x = np.zeros((4, 3), np.float32)
    data = Examples(Part(x, None), Part(x, None), Part(x, None), (3,), "own", filled_in=True)
    with pytest.raises(UserError, match=r"data=own: its gaps were filled with means, .*data.missing=mask, or drop"):
        Imputation().baselines(data, 1)
    with pytest.raises(UserError, match="examples of one column"):
        Imputation().facts(data._replace(filled_in=False, columns=np.zeros(3, int)))
    for settings, told in (
        ({"rates": [0]}, r"rates=\[0\]"),
        ({"mechanisms": ["mnar"]}, r"mechanisms=\['mnar'\]: choose among mcar, mar"),
        ({"rounds": []}, r"rounds=\[\]"),
        ({"neighbours": [0]}, r"neighbours=\[0\]"),
    ):
        with pytest.raises(UserError, match=f"evaluation.imputation.{told}"):
            Imputation(**settings)  # type: ignore[arg-type]
