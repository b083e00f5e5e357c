"""Two views of one meaning: canonical correlations against scikit-learn and a closed form; what is nearest."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.cross_decomposition import CCA

from aelab.data.parallel_bags import ParallelBags
from aelab.errors import UserError
from aelab.evaluation.protocol import Examples, Part
from aelab.evaluation.two_views import Canonical, TwoViews
from aelab.objectives import HiddenView


def test_canonical_correlations() -> None:
    draw = np.random.default_rng(0)
    common = draw.normal(size=(400, 2))
    first = common @ draw.normal(size=(2, 5)) + draw.normal(size=(400, 5))
    second = common @ draw.normal(size=(2, 4)) + draw.normal(size=(400, 4))
    found = Canonical(first, second, 2, 1e-12)
    theirs = CCA(2, max_iter=5000, tol=1e-12).fit(first, second).transform(first, second)
    own = [
        (view - mean) @ turn for view, mean, turn in zip((first, second), found.means, found.directions, strict=True)
    ]
    for place in range(2):
        expected = np.corrcoef(theirs[0][:, place], theirs[1][:, place])[0, 1]
        assert np.corrcoef(own[0][:, place], own[1][:, place])[0, 1] == pytest.approx(expected, abs=1e-6)
        assert found.correlations[place] == pytest.approx(expected, abs=1e-6)


def test_views_are_hidden_one_at_a_time() -> None:
    x = torch.ones(40_000, 4, dtype=torch.float64)
    seen = HiddenView(0.6)(x, torch.Generator().manual_seed(0))
    assert (seen[:, 0] == seen[:, 1]).all() and (seen[:, 2] == seen[:, 3]).all() and (seen.sum(1) > 0).all()
    assert (seen[:, 0] == 0).double().mean().item() == pytest.approx(0.3, abs=0.01)
    assert (seen[:, 2] == 0).double().mean().item() == pytest.approx(0.3, abs=0.01)
    assert torch.equal(HiddenView(0.0)(x), x)
    with pytest.raises(UserError, match="no two halves; use data=parallel_bags"):
        HiddenView()(x[:, :3])


class Halves:
    """A coder that knows the meaning: half views of the same place have one code."""

    code_size = 8

    def encode(self, x: np.ndarray) -> np.ndarray:
        found: np.ndarray = sum(np.split(x, 2, 1))  # type: ignore[assignment]
        return found


def test_sentences_are_looked_up() -> None:
    rows = np.array([[int(bit) for bit in f"{number:08b}"] for number in range(1, 201)], np.float32)
    x = np.concatenate([rows, rows], 1)
    words = np.array([f"w{place}" for place in range(8)])
    part = Part(x, None)
    examples = Examples(part, part, part, (16,), "bags", truth={"first_words": words, "second_words": words})
    scores = {score.metric: score.value for score in TwoViews().measure(Halves(), examples)}  # type: ignore[arg-type]
    assert scores == dict.fromkeys(("forth_1", "forth_5", "back_1", "back_5", "val_forth_1"), 1.0)
    beside = TwoViews().baselines(examples, 8)
    assert {method: scores[0].value for method, scores in beside.items()}["same_words"] == 1
    assert beside["cca"][0].value > 0.95 and beside["word_by_word"][1].value > 0.1


def test_bags_are_divided_by_line_and_know_their_words() -> None:
    data = ParallelBags(source="drawn", size=12)
    data.setup()
    assert data.shape == (24,) and {part: len(data.truth()[part]) for part in data.truth()} == {
        "first_words": 12,
        "second_words": 12,
    }
    assert set(np.unique(data.examples("train").numpy())) == {0, 1}
    with pytest.raises(UserError, match=r"data\.size=1: words"):
        ParallelBags(size=1)
    with pytest.raises(UserError, match=r"examples are no two views; use data=parallel_bags"):
        part = Part(np.ones((3, 4), np.float32), None)
        TwoViews().baselines(Examples(part, part, part, (4,), "digits"), 2)
