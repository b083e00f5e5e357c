"""The other programs, the estimator and the reader of checkpoints refuse in one line as well."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from commands import Command, left

from aelab.cli import evaluate as evaluation_cli
from aelab.cli import export as export_cli
from aelab.cli import score as score_cli
from aelab.errors import UserError
from aelab.runs.checkpoints import load_checkpoint


@pytest.mark.parametrize(
    "program, words, message",
    [
        (evaluation_cli.main, "run=nowhere evaluation=retrieval", "run=nowhere: no run here"),
        (evaluation_cli.main, "run=nowhere evaluation=retrieval +nonsense=1", "nonsense=1: unknown key"),
        (evaluation_cli.main, "run=nowhere evaluation=retrieval force=abc", "force=abc: must be true or false"),
        (evaluation_cli.main, "run=nowhere evaluation=retrieval hydra.run.dir=x", "hydra.run.dir=x: "),
        (evaluation_cli.main, "run=nowhere evaluation=nope", "evaluation=nope: no such choice"),
        (export_cli.main, "run=nowhere format=onnx", "nowhere"),
        (export_cli.main, "run=nowhere format=onnx +nonsense=1", "nonsense=1: unknown key"),
        (export_cli.main, "run=nowhere format=onnx hydra.run.dir=x", "hydra.run.dir=x: "),
        (export_cli.main, "run=nowhere format=onnx replica=abc", "replica=abc: must be a number"),
        (score_cli.main, "run=nowhere path=x.csv", "nowhere: no run here"),
        (score_cli.main, "run=nowhere path=x.csv +nonsense=1", "nonsense=1: unknown key"),
        (score_cli.main, "run=nowhere path=x.csv pth=1", "pth=1: unknown key"),
        (score_cli.main, "run=nowhere path=x.csv hydra.run.dir=x", "hydra.run.dir=x: "),
    ],
)
def test_other_programs(command: Command, program: Callable[[], int], words: str, message: str) -> None:
    status, [line] = command(*shlex.split(words), program=program)
    assert status == 1 and message in line
    assert left() == []


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"code_size": "abc"}, "network.code_size=abc: must be int"),
        ({"max_epochs": -1}, "trainer.max_epochs=-1: would never end"),
        ({"learning_rate": 0}, "optimizer.lr=0: must be a number above 0"),
        ({"learning_rate": float("nan")}, "optimizer.lr=nan: must be a finite number"),
        ({"hidden": [[3]]}, r"network.hidden=\[\[3\]\]: must be a list of int"),
        ({"random_state": -1}, "seed=-1: must be a whole number"),
        ({"overrides": ["+nonsense=1"]}, "nonsense=1: unknown key"),
        ({"overrides": ["+model.weight=3"]}, "model.weight=3: unknown key"),
        ({"overrides": ["trainer.devices=0"]}, "trainer.devices=0"),
        ({"overrides": ["size=paper"]}, "size=paper: is of a recipe"),
        ({"overrides": ["+optimizer.betas=[2,0.9]"]}, "Invalid beta parameter"),
    ],
)
def test_the_estimator_says_the_same(settings: dict[str, object], message: str) -> None:
    from aelab.sklearn import Autoencoder

    with pytest.raises(ValueError, match=message):
        Autoencoder(**settings).fit(np.random.default_rng(0).random((30, 5)))  # type: ignore[arg-type]


def test_the_line_about_a_pickled_checkpoint_gives_no_advice_to_load_it(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    torch.save({"state_dict": {}, "pytorch-lightning_version": Path}, path)
    with pytest.raises(UserError, match=r"last\.ckpt: corrupt or not a checkpoint of aelab") as refused:
        load_checkpoint(path)
    assert "weights_only" not in str(refused.value) and "torch.load" not in str(refused.value)
