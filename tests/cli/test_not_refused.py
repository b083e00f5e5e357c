"""What is meant is not refused, and checking changes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import hydra
import pytest
import torch
from commands import GROUPS, Command
from omegaconf import OmegaConf
from tiny_runs import TINY, compose_tiny

from aelab.config.checking import check
from aelab.config.objects import composing, conf_dir
from aelab.errors import UserError
from aelab.runs.identity import run_id


def test_a_value_may_refer_to_another(command: Command) -> None:
    assert command(*TINY, "+width=7", "network.hidden=['${width}']", "scheduler=cosine") == (0, [])
    [record] = [json.loads(path.read_text()) for path in Path("outputs/runs").glob("*/manifest.json")]
    assert record["config"]["network"]["hidden"] == [7] and record["status"] == "complete"


RECIPES = sorted(path.stem for path in (conf_dir() / "experiment").glob("*.yaml"))


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_recipes_are_not_refused(name: str) -> None:
    sizes = [[]] + [["size=paper"]] * (conf_dir() / "size" / "paper" / f"{name}.yaml").is_file()
    for size in sizes:
        words = [f"experiment={name}", *size]
        with composing():
            config = hydra.compose("train", words)
            off = hydra.compose("train", [*words, "replicas=none", "pretraining=none", "logger=none"])
        check(config, words)
        check(off, words)


@pytest.mark.parametrize("group", [*GROUPS, "evaluation"])
def test_choices_are_not_refused(group: str) -> None:
    for path in sorted((conf_dir() / group).glob("*.yaml")):
        check(compose_tiny(Path("outputs"), f"{group}={path.stem}"))


def test_variables_of_ones_own_and_ends_of_other_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    for words in (
        ["+width=8", "network.hidden=['${width}']"],
        ["trainer.max_epochs=-1", "+trainer.max_time=00:01:00:00", "scheduler=none"],
        ["trainer.max_epochs=0"],
        ["+trainer.fast_dev_run=true", "trainer.check_val_every_n_epoch=9"],
        ["+paper={title: x}"],
    ):
        check(compose_tiny(Path("outputs"), *words), words)
    monkeypatch.setenv("MASTER_ADDR", "10.0.0.1")
    check(compose_tiny(Path("outputs"), "trainer.num_nodes=2"))


def test_more_devices_than_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    for good in ("1", "2", "-1", "auto", "[1]", "[0,1]"):
        check(compose_tiny(Path("outputs"), "trainer=gpu", f"trainer.devices={good}"))
    for bad in ("3", "[2]", "[0,5]"):
        with pytest.raises(UserError, match=r"trainer.devices=.*: there are 2 here; use trainer.devices=2"):
            check(compose_tiny(Path("outputs"), "trainer=gpu", f"trainer.devices={bad}"))


def test_names_of_runs_are_what_they_were() -> None:
    """Checking reads a config and changes nothing in it."""
    config = compose_tiny(Path("outputs"), "model=sparse_kl", "replicas=bootstrap")
    name, before = run_id(config), OmegaConf.to_yaml(config)
    check(config)
    assert (run_id(config), OmegaConf.to_yaml(config)) == (name, before)
