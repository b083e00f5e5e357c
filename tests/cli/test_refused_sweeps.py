"""A refused job of a sweep costs only itself, and the sweep's end says its line again."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from commands import QUICK, Command, left
from tiny_runs import TINY

ROOT = Path(__file__).parents[2]


def test_a_refused_job_of_a_sweep_costs_only_itself(command: Command) -> None:
    status, said = command("-m", *TINY, "network.code_size=2,abc,3")
    refused = "network.code_size=abc: must be int; the default is network.code_size=null"
    assert status == 1 and said == [refused, "refused, 1 of this sweep's jobs:", refused]
    runs = [json.loads(path.read_text()) for path in Path("outputs/runs").glob("*/manifest.json")]
    assert sorted(run["config"]["network"]["code_size"] for run in runs) == [2, 3]
    assert {path.name for path in Path("outputs/runs").glob("*/")} == {run["run_id"] for run in runs} | {"figures"}
    assert len(Path("outputs/runs/comparison.csv").read_text().splitlines()) == 3
    assert not list(Path("outputs/runs").glob(".refused*"))


@pytest.mark.parametrize("words", ["seed=-1,-2", "model=undercomplete,denoising corruption=none +nonsense=1,2",
                                   "trainer.max_epochs=-1,-2", "+data.path='${nowhere}' seed=0,1"])  # fmt: skip
def test_a_sweep_of_refused_jobs_leaves_nothing(command: Command, words: str) -> None:
    status, said = command("-m", *QUICK, *shlex.split(words))
    assert status == 1 and any(line.startswith("refused, ") for line in said)
    assert left() == []


def test_a_sweep_with_a_choice_that_there_is_not_leaves_nothing(command: Command) -> None:
    status, said = command("-m", *QUICK, "model=undercomplete,null")
    fix = "name a choice of that group, or leave it out for the default"
    assert (status, said) == (1, [f"model=undercomplete,null: a run needs one; {fix}"])
    assert left() == []


@pytest.mark.parametrize(
    ("launcher", "wrong", "told"),
    [
        ("stacked", "n_jobs=two", "must be a whole number of at least 1"),
        ("stacked", "n_jobs=1.5", "must be a whole number of at least 1"),
        ("workers", "n_jobs=true", "must be a whole number of at least 1"),
        ("parallel", "n_jobs=0", "must be a whole number of at least 1"),
        ("stacked", "stacked=maybe", "must be true or false"),
        ("stacked", "n_job=2", "unknown key, did you mean hydra.launcher.n_jobs?; --cfg hydra shows them all"),
        ("stacked", "stack=false", "unknown key, did you mean hydra.launcher.stacked?; --cfg hydra shows them all"),
    ],
)
def test_a_launcher_is_refused_what_it_does_not_know(command: Command, launcher: str, wrong: str, told: str) -> None:
    status, said = command("-m", *QUICK, f"hydra/launcher={launcher}", f"hydra.launcher.{wrong}", "seed=0,1")
    assert (status, said) == (1, [f"hydra.launcher.{wrong.replace('true', 'True')}: {told}"])
    assert left() == []


@pytest.mark.slow
def test_jobs_of_other_processes_are_told_of_at_the_end(tmp_path: Path) -> None:
    pytest.importorskip("joblib")
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "train.py", "-m", *TINY, "hydra/launcher=parallel",
         "hydra.launcher.n_jobs=2", "network.code_size=2,0,3"],
        cwd=tmp_path, capture_output=True, text=True, env=dict(os.environ),
    )  # fmt: skip
    refused = "network.code_size=0: must be at least 1"
    assert done.returncode == 1 and done.stderr.splitlines()[-2:] == ["refused, 1 of this sweep's jobs:", refused]
    assert len(list(tmp_path.glob("outputs/runs/*/manifest.json"))) == 2
    assert not list(tmp_path.glob("outputs/runs/.refused*"))
