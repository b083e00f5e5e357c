"""Every evaluation in conf/evaluation answers bad input with figures or one clear line, never with a trace or NaN."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from tiny_runs import compose_tiny

from aelab.building.build import build_model
from aelab.config.objects import conf_dir, instantiate
from aelab.errors import UserError
from aelab.evaluation.protocol import Evaluation, Examples, Part
from aelab.trained.coder import TrainedCoder

EVALUATIONS = sorted(path.stem for path in (conf_dir() / "evaluation").glob("*.yaml"))
SHAPE = (1, 8, 8)
SIZES = {"train": 120, "val": 30, "test": 60}


SMALL = {"max_epochs": 2, "rounds": 10, "iterations": 20, "examples": 100}
SMALL_OF = {"imputation": {"rates": [30], "rounds": [2], "neighbours": [3], "components": [4]}}
TRUTH = {  # of what is generated, where a question is about that
    "disentanglement": {f"factors_{name}": np.arange(count)[:, None] % [3, 4] for name, count in SIZES.items()}
    | {"factors": np.array(["one", "two"])},
    "two_views": {side: np.array([f"w{place}" for place in range(32)]) for side in ("first_words", "second_words")},
}
REFUSED = {  # questions of texts, which no code of numbers answers
    "drug_discovery": "data=bad: this evaluation needs molecules; use data=smiles",
    "signal_anomalies": "data=bad: this evaluation needs windows of signals, all of them in memory; use data=windows",
    "machine_translation": "data=bad: the test part has no pairs of sentences; use data=parallel_text",
}


def part(count: int, seed: int, labels: np.ndarray | None = None) -> Part:
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 3 if labels is None else labels
    x = random.random((count, 64)) * 0.5 + np.eye(3, 64)[np.arange(count) % 3] * 0.5
    return Part(x.astype(np.float32), labels)


def examples() -> Examples:
    return Examples(part(120, 0), part(30, 1), part(60, 2), SHAPE, "bad")


def relabelled(change: Callable[[np.ndarray], np.ndarray | None]) -> Examples:
    data = examples()
    parts = {name: getattr(data, name) for name in SIZES}
    return data._replace(**{name: part._replace(labels=change(part.labels)) for name, part in parts.items()})


def cut(count: int) -> Examples:
    data = examples()
    parts = {name: getattr(data, name) for name in SIZES}
    return data._replace(**{name: Part(part.x[:count], part.labels[:count]) for name, part in parts.items()})


BAD = {
    "no labels": lambda: relabelled(lambda labels: None),
    "one class": lambda: relabelled(lambda labels: np.zeros_like(labels)),
    "one class to train on": lambda: examples()._replace(train=part(120, 0, np.zeros(90, int))),
    "measurements as labels": lambda: relabelled(lambda labels: labels + np.random.default_rng(0).random(len(labels))),
    "labels with gaps": lambda: relabelled(lambda labels: np.where(labels == 2, np.nan, labels)),
    "names as labels": lambda: relabelled(lambda labels: np.array(["cat", "dog", "eel"])[labels]),
    "a class that is new in the test": lambda: examples()._replace(test=part(60, 2, np.arange(60) % 5)),
    "no class of the test in training": lambda: examples()._replace(test=part(60, 2, np.full(60, 9))),
    "three examples a part": lambda: cut(3),
    "one example a part": lambda: cut(1),
    "values that do not vary": lambda: examples()._replace(
        **{name: Part(np.full((n, 64), 0.5, np.float32), np.arange(n) % 3) for name, n in SIZES.items()}
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aelab.evaluation.baselines.own_features.STEPS", 20)
    monkeypatch.setattr("aelab.evaluation.baselines.imputers.TURNS", 2)


def question(name: str) -> Evaluation:
    if name in ("denoising", "image_processing"):
        pytest.importorskip("skimage")
    config = compose_tiny(Path("nowhere"), f"evaluation={name}").evaluation[name]
    for key, less in (SMALL | SMALL_OF.get(name, {})).items():
        if key in config:
            OmegaConf.update(config, key, less)
    found: Evaluation = instantiate("evaluation", config)
    return found


def coder(
    change: Callable[[torch.Tensor], torch.Tensor] = lambda weight: weight, name: str = "code_health"
) -> TrainedCoder:
    """A small model, of a kind that the evaluation asks, whose encoder is changed."""
    variant = "vae" if name == "likelihood" else "undercomplete"
    model = build_model(compose_tiny(Path("nowhere"), f"model={variant}"), SHAPE, torch.rand(20, 64)).eval()
    with torch.no_grad():
        for parameter in model.network.encoder_layers.parameters():
            parameter.copy_(change(parameter))
    return TrainedCoder(model, "runs/bad")


def answered(asked: Evaluation, of: TrainedCoder, data: Examples) -> str:
    """The line of a refusal; empty where all figures of the run and its baselines are numbers."""
    told = ""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for measured in (
            lambda: asked.measure(of, data),
            lambda: [s for scores in asked.baselines(data, of.code_size).values() for s in scores],
        ):
            try:
                scores = measured()
            except UserError as error:
                told = str(error)
                assert told and "\n" not in told
                continue
            assert scores and all(math.isfinite(score.value) for score in scores), scores
            for score in scores:
                assert score.low is None or math.isfinite(score.low), score
        if not told:
            asked.pictures(of, data)
            if hasattr(asked, "facts"):
                asked.facts(data)
    return told


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("name", EVALUATIONS)
def test_bad_data(name: str, bad: str) -> None:
    told = answered(question(name), coder(name=name), BAD[bad]())
    assert not told or len(told) < 300


@pytest.mark.parametrize("name", EVALUATIONS)
def test_codes_that_are_all_the_same(name: str) -> None:
    answered(question(name), coder(torch.zeros_like, name), examples()._replace(truth=TRUTH.get(name, {})))


@pytest.mark.parametrize("name", EVALUATIONS)
def test_codes_that_are_not_finite(name: str) -> None:
    broken = coder(lambda weight: torch.full_like(weight, torch.nan), name)
    data = examples()._replace(truth=TRUTH.get(name, {}))
    if name == "anomaly_detection":  # whose training part is of one class
        data = data._replace(train=part(120, 0, np.zeros(120, int)), val=part(30, 1, np.zeros(30, int)))
    told = REFUSED.get(name, "NaN|not finite|its density is not known|have no codewords|closed forms are those of")
    with pytest.raises(UserError, match=told):
        question(name).measure(broken, data)
