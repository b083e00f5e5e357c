"""Symbols end to end: trained, alone and in replicas, evaluated and compared; what cannot be meant is one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import DictConfig, OmegaConf
from run_files import directory_of, manifest_of
from symbol_parts import Words
from tiny_runs import Composer, compose_tiny
from variants import NETWORKS, SETTINGS, VARIANTS, config_of, numbers

import aelab
from aelab.building.build import build_model
from aelab.cli.compare import compare
from aelab.comparison.figures.figure import unit
from aelab.comparison.table import tabulate
from aelab.config.objects import conf_dir
from aelab.errors import UserError
from aelab.fitting.run import run
from aelab.models import Autoencoder
from aelab.objectives import Categorical
from aelab.objectives.randomness import seeded_generator
from aelab.replicas import decompose
from aelab.replicas.measuring import predictions
from aelab.replicas.stacking import stack
from aelab.trained.evaluate import evaluate

LETTERS = ("network._target_=symbol_parts.Letters", "network.name=letters", "~network.hidden", "~network.activation",
           "~network.tied", "network.output_activation=identity", "~network.output_activation")  # fmt: skip
WORDS = ("data._target_=symbol_parts.Words", "data.name=words", "data.batch_size=32")
SYMBOLS = ("error=categorical", *LETTERS, *WORDS)
EVALUATIONS = sorted(path.stem for path in (conf_dir() / "evaluation").glob("*.yaml"))
ANSWERED = {"classification", "code_health", "linear_probe", "popularity", "retrieval"}  # which ask codes alone
REFUSED = {  # variants that need more than a code of symbols
    "contractive": "model=contractive error=categorical: .* no Jacobian; use model=undercomplete",
    **dict.fromkeys(("relu_l1", "top_k", "batch_top_k", "jump_relu", "gated"), "model.pre_bias=true error=categorical"),
}


@pytest.fixture(autouse=True)
def _trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AELAB_TRUSTED", "symbol_parts")


def words() -> Words:
    data = Words(batch_size=32)
    data.setup()
    return data


# --- training ---


def test_a_model_of_symbols_is_trained_shown_and_opened(compose: Composer) -> None:
    config = compose(*SYMBOLS, "error.padding=0", "trainer.max_epochs=20", "optimizer.lr=0.01")
    run(config, [])
    manifest = manifest_of(config)
    metrics = manifest["metrics"]
    assert manifest["status"] == "complete"
    assert {"val/token_error", "test/token_error", "test/error", "train/token_error"} <= set(metrics)
    assert not {"test/mse", "test/fvu", "test/pca_error"} & set(metrics), "symbols have no squares"
    assert metrics["test/token_error"] < 0.2 and metrics["test/error"] < 2.5
    assert manifest["units"] == {"label": "categorical cross-entropy per example, nats", "is_squared": False}
    opened = aelab.load_run(directory_of(config))
    x = words().examples("test")
    rebuilt = opened.reconstruct(x)
    counted = x.numpy() != 0
    assert ((rebuilt != x.numpy()) & counted).sum() / counted.sum() == pytest.approx(metrics["test/token_error"])
    with torch.no_grad():
        error = Categorical(padding=0)(opened.model.output(opened.model.encode(x)), x).mean().item()
    assert error == pytest.approx(metrics["test/error"], rel=1e-5)


@pytest.mark.parametrize("more", [(), ("replicas.mode=sequential",)], ids=["stacked", "one by one"])
def test_replicas_of_symbols_are_decomposed(more: tuple[str, ...], compose: Composer) -> None:
    config = compose(*SYMBOLS, "error.padding=0", "replicas=bootstrap", "replicas.count=3", *more)
    run(config, [])
    manifest = manifest_of(config)
    metrics = manifest["metrics"]
    assert metrics["test/bias2"] + metrics["test/variance"] == pytest.approx(metrics["test/error"], rel=1e-9)
    assert metrics["test/variance"] > 0 and "test/noise" not in metrics and "test/pca_error" not in metrics
    assert manifest["units"]["is_squared"] is False
    models = [aelab.load_run(directory_of(config), replica=k).model for k in range(3)]
    x = words().examples("test")
    alone = decompose(predictions(models, x), x, Categorical(padding=0))
    assert metrics["test/bias2"] == pytest.approx(alone.bias2, rel=1e-5)
    assert metrics["test/variance"] == pytest.approx(alone.variance, rel=1e-5)
    assert alone.bias2_map.shape == (6,)


def config_of_letters(variant: str, settings: dict[str, Any]) -> DictConfig:
    config = config_of(variant, settings=settings, error="categorical")
    kind = "LettersWithAtoms" if variant in REFUSED or "unit_weights" in settings else "Letters"
    config.network = OmegaConf.create({"_target_": f"symbol_parts.{kind}", "name": "letters", "code_size": 12})
    return config


def letters_of(config: DictConfig, seed: int = 0) -> Autoencoder:
    config.seed = seed
    return build_model(config, (6,), words().examples("train")[:20]).double()


@pytest.mark.parametrize("variant, settings", SETTINGS, ids=[f"{v} {s or ''}" for v, s in SETTINGS])
def test_every_variant_learns_symbols_alone_and_stacked_or_says_why_not(variant: str, settings: dict[str, Any]) -> None:
    if variant == "denoising":
        settings = {}
    config = config_of_letters(variant, settings)
    if variant == "denoising":
        config.corruption = OmegaConf.load(conf_dir() / "corruption" / "masking.yaml")
    if variant in REFUSED and settings.get("pre_bias", True):
        with pytest.raises(UserError, match=REFUSED[variant]):
            letters_of(config)
        if variant == "contractive":
            return
        config.model.pre_bias = False
    if settings.keys() & {"patch", "optimal_variance"}:  # of pictures, and of squares
        with pytest.raises(UserError, match=r"model\.(patch|optimal_variance)="):
            letters_of(config)
        return
    seeds = [3, 1]
    lone = [letters_of(config, seed) for seed in seeds]
    x = words().examples("train")[:12].double().unflatten(0, (2, 6))
    together = stack(lone).objective(x, [seeded_generator(seed, 0) for seed in seeds])
    for k, (model, seed) in enumerate(zip(lone, seeds, strict=True)):
        alone = model.objective(x[k], seeded_generator(seed, 0))
        for ours, reference in zip(numbers(together), numbers(alone), strict=True):
            torch.testing.assert_close(ours[k], reference, rtol=1e-12, atol=1e-12)
        alone.loss.backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters() if p.requires_grad)
        measured = model.evaluate(x[k])
        assert set(measured.beside) - {"moments", "usage"} == {"wrong", "symbols"}
        assert (measured.beside["symbols"] == 6).all()


# --- what cannot be meant ---


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("network", NETWORKS)
def test_networks_of_numbers_are_refused(network: str, variant: str) -> None:
    config = config_of(variant, network, error="categorical")
    name = config.network.name
    told = f"error=categorical network={name}: .*; use error=squared or error=cross_entropy, or a network"
    with pytest.raises(UserError, match=told) as caught:
        build_model(config, (1, 8, 8), torch.rand(20, 64).round())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (("error=categorical",), "error=categorical data=digits: the train part has values like .*; use error=squared"),
        (("error=categorical", *WORDS), "error=categorical network=mlp: the error takes a logit for each symbol"),
        (
            (*LETTERS, *WORDS),
            "an error of numbers, and the data are symbols; use error=categorical",
        ),
        ((*SYMBOLS, "corruption=gaussian"), "error=categorical corruption=gaussian: .* use corruption=tokens"),
        ((*SYMBOLS, "+network.symbols=3"), r"the decoder gives \[6, 3\] logits .* 6 symbols from 0 to 3; .*\[6, 4\]"),
        ((*SYMBOLS, "error.padding=-1"), "error.padding=-1: symbols count from 0; use error.padding=0, or null"),
        ((*SYMBOLS, "error.padding=a"), "error.padding=a"),
        ((*SYMBOLS, "pretraining=greedy"), "pretraining=greedy network=letters: needs fully connected layers"),
        ((*SYMBOLS, "+data.standardize=true"), "symbols are whole numbers from 0"),
    ],
)
def test_what_does_not_fit_is_refused_before_training(overrides: tuple[str, ...], told: str, compose: Composer) -> None:
    for more in ((), ("replicas=bootstrap", "replicas.count=2")):
        if more and "pretraining=greedy" in overrides:
            continue
        config = compose(*overrides, *more)
        with pytest.raises(UserError, match=told) as caught:
            run(config, [])
        assert "\n" not in str(caught.value)
        assert not directory_of(config).joinpath("manifest.json").exists()


# --- evaluations ---


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> DictConfig:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AELAB_TRUSTED", "symbol_parts")
        config = compose_tiny(tmp_path_factory.mktemp("symbols"), *SYMBOLS)
        run(config, [])
    return config


@pytest.mark.parametrize("name", EVALUATIONS)
def test_evaluations_ask_codes_of_symbols_or_say_why_not(name: str, trained: DictConfig, compose: Composer) -> None:
    pytest.importorskip("skimage")
    wanted = compose(f"evaluation={name}").evaluation
    for key, less in {"max_epochs": 2, "rounds": 10}.items():
        if isinstance(wanted[name].get(key), int):
            wanted[name][key] = less
    if name in ANSWERED:
        found = evaluate(directory_of(trained), wanted)
        assert found and all(np.isfinite(value) for value in found.values())
        assert not [metric for metric in found if metric.endswith(("_pca", "_raw")) or "jacobian" in metric]
        return
    told = f"evaluation={name} error=categorical: compares values as numbers.* like evaluation=code_health"
    if name == "likelihood":
        told = r"evaluation=likelihood model=undercomplete error=categorical: asks for log p\(x\)"
    if name == "machine_translation":
        told = "evaluation=machine_translation network=letters .*: asks for symbols written one after the other"
    if name == "drug_discovery":
        told = "data=symbol_parts: this evaluation needs molecules; use data=smiles"
    with pytest.raises(UserError, match=told) as caught:
        evaluate(directory_of(trained), wanted)
    assert "\n" not in str(caught.value)
    later = compose(*SYMBOLS, f"evaluation={name}", "seed=1")
    with pytest.raises(UserError, match=told):
        run(later, [])
    assert not directory_of(later).joinpath("manifest.json").exists(), "refused before it is trained"


# --- comparison ---


def test_runs_of_symbols_are_compared_in_their_own_unit(tmp_path: Path) -> None:
    for size in (2, 4):
        run(compose_tiny(tmp_path, *SYMBOLS, f"network.code_size={size}"), [])
    comparison = compare([tmp_path / "runs"])
    assert [group.units.label for group in comparison.groups] == [Categorical.label] * 2
    assert unit(comparison.groups) == Categorical.label and not any(group.pca() for group in comparison.groups)
    assert "test/token_error" in tabulate(comparison)[0].headings
