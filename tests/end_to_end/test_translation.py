"""Machine translation end to end: pretrained on both languages, taught by pairs, beside what needs no network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import hydra
import pytest
from omegaconf import DictConfig
from run_files import directory_of

import aelab
from aelab.config.objects import conf_dir
from aelab.errors import UserError
from aelab.fitting.run import run
from aelab.runs.identity import register_resolver

TINY = (
    "experiment=translation",
    "data.source=drawn",
    "data.train_size=2400",
    "network.width=16",
    "network.layers=1",
    "trainer.max_epochs=1",
    "evaluation.machine_translation.pairs=[20,null]",
    "evaluation.machine_translation.steps=6",
    "evaluation.machine_translation.every=3",
    "evaluation.machine_translation.asked=20",
    "evaluation.machine_translation.val_asked=5",
    "evaluation.machine_translation.beam=2",
)


def composed(folder: Path, *overrides: str) -> DictConfig:
    register_resolver()
    with hydra.initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return hydra.compose("train", [*overrides, "logger=none", f"paths.outputs='{folder}'"])


def test_translators_stand_beside_one_another(tmp_path: Path) -> None:
    pytest.importorskip("sacrebleu")
    config = composed(tmp_path, *TINY)
    directory = directory_of(config)
    run(config, [])
    manifest: dict[str, Any] = json.loads((directory / "manifest.json").read_text())
    entry = manifest["evaluations"]["machine_translation"]
    found = {(row["method"], row["metric"]): row for row in entry["rows"]}
    for count in ("20", "all"):
        for way in ("", "scratch_", "longer_scratch_"):
            assert {
                ("denoising", f"{way}{kind}_{count}") for kind in ("bleu", "chrf", "bleu_beam", "chrf_beam")
            } <= set(found)
        own, other, gain = (found["denoising", f"{of}_{count}"] for of in ("chrf", "longer_scratch_chrf", "gain"))
        assert gain["value"] == pytest.approx(own["value"] - other["value"]) and gain["low"] <= gain["high"]
        assert {("copy", f"chrf_{count}"), ("memory", f"chrf_{count}"), ("word_by_word", f"bleu_{count}")} <= set(found)
    assert found["word_by_word", "chrf_all"]["value"] > 40 > found["copy", "chrf_all"]["value"]
    assert "tok:13a" in entry["facts"]["bleu"] and entry["facts"]["pairs"]["test"] == 200
    assert (directory / "pictures" / "machine_translation_pairs.png").exists()
    opened = aelab.load_run(directory)
    assert opened.encode(["<en>The cat sees a dog."]).shape == (1, opened.model.network.code_size)


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (
            ("data=smiles", "data.source=drawn", "network=recurrent"),
            "sentences of two languages; use data=parallel_text",
        ),
        (("network=one_hot", "network.hidden=[8]"), "network=one_hot .* like those of network=seq2seq"),
        (("data.train_size=3",), r"0 pair\(s\) of sentences in the train part"),
        (("evaluation.machine_translation.pairs=[1]",), "evaluation.machine_translation.pairs="),
    ],
)
def test_what_cannot_be_translated_is_refused_before_training(
    overrides: tuple[str, ...], told: str, tmp_path: Path
) -> None:
    pytest.importorskip("sacrebleu")
    base = [
        key
        for key in TINY
        if not key.startswith(("network.width", "network.layers")) or "network" not in str(overrides)
    ]
    if "data=smiles" in overrides:
        base = ["evaluation=machine_translation", "data.train_size=50", "trainer.max_epochs=1"]
    with pytest.raises(UserError, match=told) as caught:
        run(composed(tmp_path, *base, *overrides), [])
    assert "\n" not in str(caught.value)
