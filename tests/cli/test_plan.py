"""``plan=true``: what would run, packed as it will be, and nothing left behind."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from tiny_runs import TINY

import aelab
from aelab.cli.plan import plan
from aelab.cli.watching import watch

WORDS = [*TINY, "sweep=planned", "network.code_size=2,4", "seed=0,1"]


def files(place: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in place.rglob("*")}


def test_what_would_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert plan(["-m", *WORDS, "plan=true"]) == 0
    text = capsys.readouterr().out
    assert "4 runs: 4 to do" in text and re.search(r"a stack of 4 runs: \d.* s, 4 models", text)
    assert re.search(r"about \d.* of training on this machine, one after the other; \d+\.\d GiB", text)
    assert not files(tmp_path), "a plan leaves nothing"

    run = aelab.train(list(TINY), sweep="planned", network={"code_size": 2})
    before = files(tmp_path)
    capsys.readouterr()
    assert plan(["-m", *WORDS, "optimizer.lr=0.003,-1", "plan=true"]) == 1
    text = capsys.readouterr().out
    assert "8 runs: 3 to do, 1 done, 4 refused" in text and re.search(rf"done +{run.directory}", text)
    assert "optimizer.lr=-1: must be a number above 0" in text and "a stack of 3 runs" in text
    assert files(tmp_path) == before


def test_the_estimate_is_of_the_right_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [*TINY, "trainer.max_epochs=100"]
    assert plan([*words, "plan=true"]) == 0
    [told] = re.findall(r"about (\d+\.\d|\d+) s of training", capsys.readouterr().out)
    began = time.monotonic()
    aelab.train(words)
    took = time.monotonic() - began
    assert float(told) / took < 4 and took / float(told) < 8, "the run is tested and written, too"


def test_a_search_cannot_be_planned(capsys: pytest.CaptureFixture[str]) -> None:
    assert plan(["-m", *TINY, "hydra/sweeper=optuna", "plan=true"]) == 1
    assert capsys.readouterr().err.startswith("plan=true: what hydra/sweeper=optuna tries follows from results")


def test_watching_ends_when_nothing_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    aelab.train(list(TINY), sweep="watched")
    assert watch([Path("outputs/watched")], every=0.01) == 0
    assert "1 complete" in capsys.readouterr().out
