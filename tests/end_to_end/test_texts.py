"""Texts end to end: trained by every family, given back as texts, split into bias and variance, or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import hydra
import numpy as np
import pandas as pd
import pytest
import torch
from omegaconf import DictConfig
from run_files import directory_of
from tiny_runs import compose_tiny

import aelab
from aelab.config.objects import conf_dir
from aelab.errors import UserError
from aelab.fitting.run import run
from aelab.runs.identity import register_resolver
from aelab.trained.evaluate import evaluate
from aelab.trained.export import export
from aelab.trained.scores import Scores

SMALL = (
    "data=smiles",
    "data.source=drawn",
    "data.train_size=300",
    "data.val_fraction=0.02",
    "data.test_fraction=0.02",
    "optimizer.lr=0.01",
)
RECURRENT = (*SMALL, "network=recurrent", "network.hidden=[16]", "network.code_size=8", "network.embedding=8")
TINY_TRANSFORMER = (*SMALL, "network=transformer", "network.width=16", "network.layers=1", "network.code_size=8")


def trained_in(config: DictConfig) -> Path:
    """The directory of a run that is trained; the config then has what the data decide."""
    directory = directory_of(config)
    run(config, [])
    return directory


def manifest_in(directory: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((directory / "manifest.json").read_text())
    return found


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("texts")
    return trained_in(compose_texts(folder, *RECURRENT, "model=vae", "model.weight=0.02"))


def test_a_run_on_texts_knows_its_vocabulary_and_what_stands_beside_it(trained: Path) -> None:
    manifest = manifest_in(trained)
    metrics = manifest["metrics"]
    assert manifest["config"]["error"]["padding"] == 0 and manifest["config"]["network"]["symbols"] > 10
    assert metrics["test/token_perplexity"] > 1 and 0 < metrics["test/token_error"] < 1
    assert metrics["test/bigram_error"] < metrics["test/unigram_error"]
    assert {"test/exact_match", "test/rate", "test/active_units", "test/exact_match_low"} <= set(metrics)
    assert not {"test/mse", "test/fvu", "test/pca_error"} & set(metrics)
    assert (trained / "pictures" / "texts.png").is_file()
    opened = aelab.load_run(trained)
    assert opened.preprocessing.vocabulary is not None
    assert len(opened.preprocessing.vocabulary) == manifest["config"]["network"]["symbols"]


def test_a_run_takes_texts_and_gives_them_back(trained: Path) -> None:
    opened = aelab.load_run(trained)
    texts = ["CCOc1c(C)cccc1", "FC1C(N)CCCC1"]
    code = opened.encode(texts)
    assert code.shape == (2, 8)
    for same in (np.array(texts), pd.Series(texts), opened.preprocessing.vocabulary.ids(texts, opened.shape[0])):
        np.testing.assert_allclose(opened.encode(same), code, atol=1e-6)
    again = opened.reconstruct(texts)
    assert again.shape == (2,) and all(isinstance(text, str) for text in again)
    assert list(opened.decode(code)) == list(again)
    new = opened.sample(3, seed=1)
    assert len(new) == 3 and all(isinstance(text, str) for text in new) and list(new) == list(opened.sample(3, seed=1))
    drawn = opened.write(code, temperature=1.0, seed=2)
    assert list(drawn) == list(opened.write(code, temperature=1.0, seed=2)) != list(opened.write(code, temperature=5.0))
    assert list(opened.write(code, beam=1)) == list(again) and len(opened.write(code, beam=3)) == 2
    assert opened.log_likelihood(texts, samples=5).shape == (2,)


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (["CC", "CZ"], r"text 1 \(counted from 0\), 'CZ', column 2: unknown symbol 'Z'; known are"),
        (["CC", ""], r"text 1 .* is empty"),
        (["C" * 200], "has 200 symbols, and there are [0-9]+ places"),
        ("CC", r"one text, 'CC'; give a list of texts"),
        (["CC", None], "text 1 .* is None"),
        (pd.DataFrame({"SMILES": ["CC"]}), r"give its column of texts"),
    ],
)
def test_texts_that_a_run_cannot_take_are_one_line(texts: object, told: str, trained: Path) -> None:
    with pytest.raises(UserError, match=told) as caught:
        aelab.load_run(trained).encode(texts)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_what_texts_have_no_answer_to_is_refused(trained: Path) -> None:
    opened = aelab.load_run(trained)
    with pytest.raises(UserError, match=r"symbols, .*no squared error"):
        opened.anomaly_score(["CC"])
    with pytest.raises(UserError, match="texts"):
        export(opened, "torch_export")
    with pytest.raises(UserError, match="no squared error"):
        Scores(opened, None, None, None)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"temperature=0.0"):
        opened.write(opened.encode(["CC"]), temperature=0.0)


FAMILIES = [
    ("denoising", (*RECURRENT, "corruption=tokens")),
    ("vq_vae", (*RECURRENT, "model.entries=8")),
    ("wae_mmd", RECURRENT),
    ("undercomplete", TINY_TRANSFORMER),
    ("vae", (*SMALL, "network=one_hot", "network.hidden=[16]", "network.code_size=8")),
    pytest.param("iwae", RECURRENT, marks=pytest.mark.slow),
    pytest.param("fsq", (*RECURRENT, "model.levels=[4,4]"), marks=pytest.mark.slow),
    pytest.param("adversarial", RECURRENT, marks=pytest.mark.slow),
    pytest.param("vae", (*RECURRENT, "corruption=tokens", "network.word_dropout=0.3"), marks=pytest.mark.slow),
    pytest.param("vae", TINY_TRANSFORMER, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("variant", "overrides"), FAMILIES)
def test_families_over_texts(variant: str, overrides: tuple[str, ...], tmp_path: Path) -> None:
    config = compose_texts(tmp_path, f"model={variant}", *overrides)
    directory = trained_in(config)
    metrics = manifest_in(directory)["metrics"]
    assert metrics["train/error"] > 0 and np.isfinite(metrics["test/error"])
    opened = aelab.load_run(directory)
    assert len(opened.reconstruct(["CCO"])[0]) >= 0


def compose_texts(folder: Path, *overrides: str) -> DictConfig:
    register_resolver()
    with hydra.initialize_config_dir(str(conf_dir()), version_base="1.3"):
        short = ("trainer.max_epochs=2", "logger=none", "callbacks.pictures_every=0", f"paths.outputs='{folder}'")
        return hydra.compose("train", [*short, *overrides])


@pytest.mark.parametrize("network", ["recurrent", "one_hot"])
def test_replicas_of_texts_are_split(network: str, tmp_path: Path) -> None:
    of = (
        RECURRENT
        if network == "recurrent"
        else (*SMALL, "network=one_hot", "network.hidden=[16]", "network.code_size=8")
    )
    config = compose_texts(tmp_path, *of, "replicas=bootstrap", "replicas.count=3")
    directory = trained_in(config)
    metrics = manifest_in(directory)["metrics"]
    assert {"texts.png", "by_position.png", "code.png"} <= {path.name for path in (directory / "pictures").iterdir()}
    assert metrics["test/bias2"] + metrics["test/variance"] == pytest.approx(metrics["test/error"], rel=1e-6)
    assert metrics["test/variance"] > 0 and "test/exact_match" in metrics


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (("data=digits", "network=recurrent", "error=categorical"), "error=categorical data=digits"),
        (("data=digits", "network=recurrent"), "network.symbols=null: .* use data=smiles"),
        ((*SMALL, "network=mlp"), "error=categorical network=mlp: the error takes a logit"),
        ((*SMALL, "error=squared"), "an error of numbers, and the data are symbols; use error=categorical"),
        ((*SMALL, "corruption=gaussian"), "changes numbers, and symbols are none; use corruption=tokens"),
        ((*SMALL, "corruption=views"), "changes numbers, and symbols are none; use corruption=tokens"),
        (("data=digits", "corruption=tokens"), "corruption=tokens: moves symbols, and the data are numbers"),
        ((*SMALL, "initialization=pca"), "initialization=pca"),
        ((*SMALL, "pretraining=greedy"), "pretraining=greedy network=recurrent"),
        ((*SMALL, "model=contractive"), "model=contractive error=categorical"),
        ((*SMALL, "replicas=bootstrap", "replicas.mode=stacked"), "network=recurrent takes no replicas"),
    ],
)
def test_what_does_not_fit_texts_is_refused_before_training(
    overrides: tuple[str, ...], told: str, tmp_path: Path
) -> None:
    config = compose_texts(tmp_path, *overrides)
    with pytest.raises(UserError, match=told) as caught:
        run(config, [])
    assert "\n" not in str(caught.value)


def test_molecules_are_measured_beside_a_model_of_characters(trained: Path) -> None:
    pytest.importorskip("rdkit")
    wanted = compose_tiny(Path("nowhere"), "evaluation=drug_discovery").evaluation
    wanted.drug_discovery.update({"count": 40, "asked": 20, "molecules": 60, "starts": 10, "epochs": 1, "shown": 3})
    found = evaluate(trained, wanted)
    own = {name.partition("/")[2] for name in found}
    assert {"valid", "novel", "reconstructed", "kl", "active_units", "token_error", "logp_r2", "neighbour"} <= own
    assert {"valid_character_model", "novel_training", "logp_r2_morgan", "sa_mae_mean", "neighbour_random"} <= own
    assert found["drug_discovery/novel_training"] == 0 and found["drug_discovery/valid_training"] == 1
    assert found["drug_discovery/neighbour_morgan"] >= found["drug_discovery/neighbour_random"]
    pictures = {path.name for path in (trained / "pictures").glob("drug_discovery_*.png")}
    assert {"drug_discovery_drawn.png", "drug_discovery_reconstructed.png"} <= pictures


def test_padding_of_a_batch_is_no_part_of_the_vocabulary(trained: Path) -> None:
    opened = aelab.load_run(trained)
    assert torch.equal(opened.model.network.cut(torch.zeros(2, 5).long()), torch.zeros(2, 1).long())
