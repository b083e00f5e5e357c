"""What a multirun's end says: the sweep's directory, which of its runs failed, and the exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from aelab.cli import compare as comparing
from aelab.cli.sweep_end import CompareAtEnd
from aelab.runs.manifest import now


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DictConfig:
    monkeypatch.setattr(comparing, "compare", lambda *arguments, **settings: None)
    return OmegaConf.create({"paths": {"outputs": str(tmp_path)}, "sweep": "s", "logger": {"name": "none"}})


def record(config: DictConfig, name: str, status: str, **timings: str) -> None:
    directory = Path(config.paths.outputs) / "s" / name
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "manifest.json").write_text(json.dumps({"status": status, "timings": timings}))


def test_a_clock_that_is_set_back_hides_nothing(config: DictConfig, capsys: pytest.CaptureFixture[str]) -> None:
    later = "2999-01-01T00:00:00.000+00:00"
    record(config, "failed_before", "failed", started=later, finished=later)
    callback = CompareAtEnd()
    callback.on_multirun_start(config)
    record(config, "failed", "failed", started="1999-01-01T00:00:00.000+00:00")
    assert end(callback, config) == 1
    assert "1 of this sweep's runs did not complete: failed (failed);" in capsys.readouterr().err


def end(callback: CompareAtEnd, config: DictConfig) -> int:
    try:
        callback.on_multirun_end(config)
    except SystemExit as stopped:
        assert isinstance(stopped.code, int)
        return stopped.code
    return 0


def test_only_the_runs_of_this_sweep_count(config: DictConfig, capsys: pytest.CaptureFixture[str]) -> None:
    earlier = "2020-01-01T00:00:00.000+00:00"
    record(config, "killed_before", "running", started=earlier)
    record(config, "failed_before", "failed", started=earlier, finished=earlier)
    callback = CompareAtEnd()
    callback.on_multirun_start(config)
    record(config, "fine", "complete", started=now(), finished=now())
    assert end(callback, config) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"sweep: {config.paths.outputs}/s"
    record(config, "died", "running", started=now())
    record(config, "failed", "failed", started=now(), finished=now())
    assert end(callback, config) == 1
    said = capsys.readouterr()
    assert said.out.splitlines()[-1] == f"sweep: {config.paths.outputs}/s"
    assert said.err == (
        "2 of this sweep's runs did not complete: died (died), failed (failed); the same command tries again\n"
    )


def test_failing_comparison_is_told(
    config: DictConfig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*arguments: object, **settings: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(comparing, "compare", broken)
    callback = CompareAtEnd()
    callback.on_multirun_start(config)
    record(config, "fine", "complete", started=now(), finished=now())
    assert end(callback, config) == 1
    said = capsys.readouterr()
    assert said.out == f"sweep: {config.paths.outputs}/s\n"
    assert said.err.startswith("no comparison of ") and "No space left on device" in said.err


def test_nothing_to_compare_is_silent(config: DictConfig, capsys: pytest.CaptureFixture[str]) -> None:
    callback = CompareAtEnd()
    callback.on_multirun_start(config)
    assert end(callback, config) == 0 and not capsys.readouterr().out
