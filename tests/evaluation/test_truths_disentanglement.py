"""Measures of disentanglement on codes that are the factors, mixtures of them, or nothing; sprites of known factors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_sets import ready
from sklearn.metrics import mutual_info_score

from aelab.data.sprites import COUNTS, factors
from aelab.errors import UserError
from aelab.evaluation.baselines.linear import RawCoder
from aelab.evaluation.disentanglement import Disentanglement, matched
from aelab.evaluation.measures import disentangled as measures
from aelab.evaluation.protocol import Examples, Part

NAMES = np.array(["one", "two", "three"])


def known(count: int = 1500) -> np.ndarray:
    return np.random.default_rng(0).integers([4, 5, 6], size=(count, 3))


def data_of(values: np.ndarray, true: np.ndarray) -> Examples:
    """Examples that are their own codes."""
    parts = dict(zip(("train", "val", "test"), np.array_split(np.arange(len(values)), 3), strict=True))
    truth = {f"factors_{part}": true[rows] for part, rows in parts.items()} | {"factors": NAMES}
    x = values.astype(np.float32)
    return Examples(*(Part(x[rows], None) for rows in parts.values()), (x.shape[1],), "drawn", truth=truth)


def scores_of(values: np.ndarray, true: np.ndarray) -> dict[str, Any]:
    data = data_of(values, true)
    found = Disentanglement(trees=5).measure(RawCoder(values.shape[1]), data)
    return {score.metric: score for score in found}


def test_codes_that_are_the_factors_score_one() -> None:
    true = known()
    found = scores_of(np.column_stack([true * [1.0, -2, 0.5], np.random.default_rng(1).normal(size=1500)]), true)
    for metric in ("mig", "dci_disentanglement", "dci_completeness", "dci_informativeness", "factor_vae"):
        assert found[metric].value > 0.93, metric
    assert found["sap"].value > 0.93
    assert all(score.low is not None and 0 <= score.low <= score.value <= score.high <= 1 for score in found.values())


def test_codes_that_mix_the_factors_score_low_although_they_know_all() -> None:
    true = known()
    turned = (true - true.mean(0)) / true.std(0) @ (np.eye(3) - 2 / 3)  # each unit's two largest shares are equal
    found = scores_of(turned, true)
    assert found["mig"].value < 0.1 and found["sap"].value < 0.1 and found["dci_disentanglement"].value < 0.5
    noise = scores_of(np.random.default_rng(3).normal(size=(1500, 3)), true)
    assert noise["mig"].value < 0.05 and noise["factor_vae"].value < 0.6 and noise["dci_informativeness"].value < 0.4


def test_mutual_information_is_scikit_learns_and_the_gap_is_counted() -> None:
    true, code = known(400), np.random.default_rng(4).normal(size=(400, 3)) + known(400)
    bins = measures.binned(code)
    found = measures.mutual_information(bins, true)
    for h in range(3):
        for f in range(3):
            assert found[h, f] == pytest.approx(mutual_info_score(bins[:, h], true[:, f]))
    twice = np.column_stack([true[:, 0], true[:, 0]]).astype(float)
    assert measures.mutual_information_gap(measures.binned(twice), true[:, :1]) == pytest.approx(0)
    assert measures.mutual_information_gap(measures.binned(twice[:, :1]), true[:, :1]) == pytest.approx(1)


def test_concentration_is_its_formula() -> None:
    assert measures.concentration(np.eye(3)) == pytest.approx((1, 1))
    assert measures.concentration(np.ones((4, 3))) == pytest.approx((0, 0))
    table = np.array([[3.0, 1.0], [0.0, 4.0]])
    entropy = -(0.75 * np.log2(0.75) + 0.25 * np.log2(0.25))
    of_column = -(0.2 * np.log2(0.2) + 0.8 * np.log2(0.8))
    wanted = (0.5 * (1 - entropy) + 0.5, (1 + 1 - of_column) / 2)
    assert measures.concentration(table) == pytest.approx(wanted)


def test_sap_of_two_units_is_the_difference_of_their_squared_correlations() -> None:
    draw = np.random.default_rng(5)
    factor = draw.integers(8, size=500)
    code = np.column_stack([factor + draw.normal(size=500), draw.normal(size=500)])
    squares = [np.corrcoef(code[:, h], factor)[0, 1] ** 2 for h in range(2)]
    assert measures.separated_attributes(code, factor[:, None]) == pytest.approx(squares[0] - squares[1])


def test_replicas_that_differ_in_order_sign_and_scale_have_one_code() -> None:
    code = np.random.default_rng(6).normal(size=(300, 4))
    assert matched(code, code[:, [2, 0, 3, 1]] * [-1, 2, 3, -4]) == pytest.approx(1)
    assert matched(code, np.random.default_rng(7).normal(size=(300, 4))) < 0.2


def test_sprites_are_every_combination_once_and_whole(tmp_path: Path) -> None:
    data = ready("sprites", tmp_path)
    x = np.concatenate([data.examples(part).numpy() for part in ("train", "val", "test")])
    assert x.shape == (9600, 1024) and len(np.unique(x, axis=0)) == 9600
    truth = data.truth()
    every = np.concatenate([truth[f"factors_{part}"] for part in ("train", "val", "test")])
    assert len(np.unique(every, axis=0)) == 9600 and list(truth["factors"]) == list(COUNTS)
    assert (every[: len(data.labels["train"]), 0] == data.labels["train"]).all()
    by_kind = x.sum(1)[np.lexsort(every.T[::-1])].reshape(150, 64)
    assert np.ptp(by_kind, axis=1).max() < 1e-3, "a shape that leaves the picture loses pixels"
    places = x.reshape(-1, 32, 32)
    centre = (places.sum(1) @ np.arange(32)) / x.sum(1)
    assert np.corrcoef(centre, every[:, 3])[0, 1] > 0.99
    assert (factors(np.array([0, 9599])) == [[0] * 5, [2, 4, 9, 7, 7]]).all()


def test_data_without_factors_are_refused() -> None:
    data = data_of(np.random.default_rng(0).normal(size=(300, 3)), known(300))._replace(truth={})
    with pytest.raises(UserError, match=r"data=drawn: asks for the factors .* use data=sprites"):
        Disentanglement().measure(RawCoder(3), data)
    with pytest.raises(UserError, match="examples=3"):
        Disentanglement(examples=3)
