"""`compare.py --status`: what is running, done and failed, asked while a sweep is under way."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from fake_runs import HOSTILE, write_run

from aelab.cli.compare import main
from aelab.runs.claim import claim
from aelab.runs.manifest import now


def status(folder: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert main([str(folder), "--status"]) == 0
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_every_run_is_a_line_and_those_under_way_come_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    timings = {"started": now(), "attempts": 2, "total_s": 75.0}
    write_run(tmp_path / "done", curve=[3, 2, 1], timings=timings)
    write_run(tmp_path / "broken", status="failed", error={"message": f"no {HOSTILE}"}, timings=timings)
    write_run(tmp_path / "stopped", status="interrupted", curve=[3], timings=timings)
    write_run(tmp_path / "gone", status="running", curve=[3], timings=timings)
    write_run(tmp_path / "busy", status="running", curve=[3, 2], timings=timings)
    write_run(tmp_path / "torn").joinpath("manifest.json").write_text("{")
    with claim(tmp_path / "busy"):
        heading, *lines, last = status(tmp_path, capsys)
    assert heading == "run state epochs starts took left what went wrong"
    assert [line.split()[:3] for line in lines] == [
        ["busy", "running", "2/3"],
        ["broken", "failed", "0"],
        ["gone", "died", "1/3"],
        ["stopped", "interrupted", "1/3"],
        ["done", "complete", "3/3"],
        ["torn", "unreadable", "—"],
    ]
    assert lines[4].endswith("2 1 min 15 s —")
    assert "no <script>" in lines[1] and "\x1b" not in lines[1]
    assert "its process ended without a word; the same command resumes it" in lines[2]
    assert last == "6 runs: 1 running, 1 failed, 1 died, 1 interrupted, 1 complete, 1 unreadable"


def test_a_clock_that_was_set_back_makes_no_run_negative(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path / "a", status="running", timings={"started": "2999-01-01T00:00:00+00:00", "attempts": 1})
    with claim(tmp_path / "a"):
        line = status(tmp_path, capsys)[1]
    assert line == "a running 0 1 0 s —"


def test_a_sweep_says_how_many_runs_it_has_and_how_long_it_has_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    started = {
        "overrides": {"task": ["model=undercomplete,denoising", "experiment=demo", "seed=range(3)"]},
        "sweeper": {"params": {"model": "a,b,c,d", "network.code_size": "2,4"}},
    }
    (tmp_path / "multirun.yaml").write_text(json.dumps({"hydra": started}))
    began = time.time() - 60
    os.utime(tmp_path / "multirun.yaml", (began, began))
    for name in "abc":
        write_run(tmp_path / name, timings={"started": now(), "finished": now(), "total_s": 20.0})
    write_run(tmp_path / "before", timings={"finished": "2020-01-01T00:00:00+00:00", "total_s": 20.0})
    write_run(tmp_path / "d", {"trainer.max_epochs": 3}, status="running", curve=[1], timings={"started": now()})
    with claim(tmp_path / "d"):
        lines = status(tmp_path, capsys)
    assert lines[1].startswith("d running 1/3 — 0") and "about" in lines[1]
    assert f"{tmp_path.name}: 4 of 12 runs complete, about 2 min" in lines[-1]  # 3 in 60 s, 8 to come


def test_nothing_to_tell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(tmp_path, capsys)[-1] == "no runs here"
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "manifest.json").write_text(json.dumps([1]))
    assert status(tmp_path, capsys)[-1] == "1 run: 1 unreadable"
