"""Fine-tuned classifiers against a step by hand, a published interval, and what must not change."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest
import torch
from tiny_runs import Composer
from torch import nn
from torch.testing import assert_close

from aelab.building.build import build_model
from aelab.errors import UserError
from aelab.evaluation.baselines.fine_tuning import fine_tune
from aelab.evaluation.baselines.linear import PCACoder
from aelab.evaluation.classification import Classification, Encoder, randomized, wald_score
from aelab.evaluation.protocol import Examples, Part
from aelab.trained.coder import TrainedCoder

NAMES = np.array(["oak", "ash", "elm"])


def part(count: int, seed: int, noise: float = 1.0) -> Part:
    """Three overlapping classes in six values, with words for labels."""
    draw = np.random.default_rng(seed)
    kind = draw.integers(0, 3, count)
    x = draw.normal(size=(count, 6)) * noise + 1.5 * np.eye(3, 6)[kind]
    return Part(x.astype(np.float32), NAMES[kind])


def examples(noise: float = 1.0) -> Examples:
    return Examples(part(90, 0, noise), part(40, 1, noise), part(200, 2, noise), (6,), "trees", seed=3)


def coder(compose: Composer, *overrides: str) -> TrainedCoder:
    config = compose("network.hidden=[5,4]", "network.code_size=3", "network.activation=tanh", *overrides)
    return TrainedCoder(build_model(config, (6,), torch.randn(20, 6)).eval(), "somewhere")


def test_wald_interval_is_the_papers() -> None:
    """SAE-3 on basic, 3.46 +- 0.16 % of 50,000 (Vincent et al. 2010, Table 3)."""
    score = wald_score("error", np.arange(50_000) < 0.0346 * 50_000)
    assert score.value == pytest.approx(0.0346)
    assert round(100 * (score.high - score.value), 2) == round(100 * (score.value - score.low), 2) == 0.16  # type: ignore[operator]


def test_one_step_by_hand() -> None:
    """Adam's first step is lr times the sign of the gradient, (softmax(0) - y) x: the class means' differences."""
    data = examples()
    x, labels = data.train.x, data.train.labels
    assert labels is not None
    y = (labels[:, None] == np.unique(NAMES)).astype(float)
    weight, bias = -np.sign((1 / 3 - y).T @ x), -np.sign((1 / 3 - y).sum(0))
    expected = np.unique(NAMES)[(data.test.x @ weight.T + bias).argmax(1)] != data.test.labels
    tuned = fine_tune(nn.Identity(), 6, data, lr=0.1, batch_size=90, max_epochs=1, patience=5)
    assert (tuned.wrong == expected).all() and 0 < expected.mean() < 0.66
    assert len(tuned.val_errors) == 1


def test_the_epoch_of_the_lowest_error_is_tested(compose: Composer) -> None:
    data, settings = examples(), {"lr": 0.03, "batch_size": 10, "patience": 4}
    encoder = Encoder(coder(compose).model)
    tuned = fine_tune(randomized(encoder, 0), 3, data, max_epochs=60, **settings)  # type: ignore[arg-type]
    assert tuned.val_errors[tuned.epoch] == min(tuned.val_errors)
    assert tuned.epoch < len(tuned.val_errors) - 1 < 59, "it stopped early"
    again = fine_tune(randomized(encoder, 0), 3, data, max_epochs=tuned.epoch + 1, **settings)  # type: ignore[arg-type]
    assert (again.wrong == tuned.wrong).all() and again.val_errors == tuned.val_errors[: tuned.epoch + 1]


def test_all_weights_of_the_encoder_learn_and_the_run_keeps_its_own(compose: Composer) -> None:
    own = coder(compose)
    before = {name: value.clone() for name, value in own.model.state_dict().items()}
    encoder = Encoder(own.model)
    copy = randomized(encoder, 0)
    start = [layer.weight.clone() for layer in copy.layers]
    fine_tune(copy, 3, examples(), lr=0.01, batch_size=30, max_epochs=2, patience=5)
    assert all(not torch.equal(layer.weight, old) for layer, old in zip(copy.layers, start, strict=True))
    assert len(list(copy.parameters())) == 6, "weights and biases of three layers; no decoder"
    scores = Classification(max_epochs=3).measure(own, examples())
    assert [score.metric for score in scores] == ["error", "random_start_error", "frozen_error", "val_error"]
    settings = {"lr": 1e-3, "batch_size": 100, "max_epochs": 3, "patience": 10}
    tuned = fine_tune(Encoder(deepcopy(own.model)), own.code_size, examples(), **settings)  # type: ignore[arg-type]
    assert scores[3].value == tuned.val_errors[tuned.epoch]
    for name, value in own.model.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_the_random_start_forgets_the_run(compose: Composer) -> None:
    one, other = (Encoder(coder(compose, f"seed={seed}").model) for seed in (1, 2))
    x = torch.randn(4, 6)
    assert not torch.equal(one(x), other(x))
    assert torch.equal(randomized(one, 5)(x), randomized(other, 5)(x))
    for layer, inputs in zip(randomized(one, 5).layers, (6, 5, 4), strict=True):
        assert layer.weight.abs().max() <= inputs**-0.5 and layer.bias.abs().max() <= inputs**-0.5
    assert_close(one(x), one.encode[0](x))


def test_before_fine_tuning_only_the_softmax_learns(compose: Composer) -> None:
    """On a linear code of the identity's size the frozen encoder is no worse than the raw values; on noise, useless."""
    own, data = coder(compose, "network.hidden=[]", "network.code_size=6"), examples()
    with torch.no_grad():
        layer = own.model.network.encoder_layers[0]
        layer.weight.copy_(torch.eye(6))
        layer.bias.zero_()
    scale = float(data.train.x.std(0).max())
    scaled = data._replace(
        **{
            name: Part(getattr(data, name).x / np.float32(scale), getattr(data, name).labels)
            for name in ("train", "val", "test")
        }
    )
    frozen = Classification(max_epochs=5).measure(own, data)[2]
    raw = Classification(max_epochs=5).baselines(scaled, 2)["raw"][0]
    assert frozen[1:5] == raw[1:5]
    assert torch.equal(layer.weight, torch.eye(6))
    with torch.no_grad():
        layer.weight.zero_()
    assert Classification(max_epochs=5).measure(own, data)[2].value > 0.5


def test_separable_classes_are_told_apart(compose: Composer) -> None:
    question, data = Classification(lr=0.01, batch_size=10), examples(noise=0.05)
    assert question.measure(coder(compose), data)[0].value == 0
    assert {name: scores[0].value for name, scores in question.baselines(data, 3).items()} == {"pca": 0, "raw": 0}


def test_refusals(compose: Composer) -> None:
    data = examples()
    with pytest.raises(UserError, match="fine-tunes networks"):
        Classification().measure(PCACoder(data.train.x, 2), data)
    with pytest.raises(UserError, match=r"evaluation.classification.patience=0: must be at least 1"):
        Classification(patience=0)
    with pytest.raises(UserError, match="needs labels"):
        Classification().measure(coder(compose), data._replace(test=data.test._replace(labels=None)))
