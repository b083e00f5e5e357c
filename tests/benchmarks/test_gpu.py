"""The GPU's benchmark runs whole without one; its figures are for people, not for tests."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from aelab.benchmarks import gpu, gpu_clock
from aelab.benchmarks.gpu_page import page
from aelab.benchmarks.gpu_stacks import BARE, GRAPH

ROOT = Path(__file__).parents[2]
FIGURE = {"median": 2e-3, "low": 1e-3, "high": 3e-3, "rounds": 3}


def found(ratio: float) -> dict[str, Any]:
    ratios = {"median": ratio, "low": ratio, "high": ratio, "rounds": 3}
    stacks = [
        {"network": "mlp", "replicas": 4, "way": BARE, "seconds_per_step": FIGURE},
        {"network": "mlp", "replicas": 4, "way": GRAPH, "seconds_per_step": FIGURE, "ratio_to_the_step": ratios},
    ]
    machine = {"device": "NVIDIA Example", "count": 1, "driver": "1.2", "torch": "2.15", "date": "2026-11-29"}
    strategies = [{"way": "fsdp", "left_out": "needs two GPUs"}]
    return {"machine": machine, "dry": False, "seconds": 9.0, "errors": [], "strategies": strategies, "sweeps": [],
            "stacks": stacks}  # fmt: skip


def test_the_page_is_that_of_the_figures() -> None:
    """``make benchmark-gpu`` writes both."""
    kept = ROOT / "docs" / "gpu.json"
    measured = json.loads(kept.read_text()) if kept.exists() else None
    assert measured is None or (not measured["dry"] and measured["machine"]["driver"])
    assert (ROOT / "docs" / "gpu.md").read_text() == page(measured)


def test_the_page_tells_device_figures_and_what_is_missing() -> None:
    text = page(found(0.5))
    assert "1 x NVIDIA Example, driver 1.2, torch 2.15, 2026-11-29" in text
    assert "| mlp | 4 | its step alone | 2 ms (1 ms to 3 ms) | 500 µs |  |" in text
    assert "- strategies: fsdp: needs two GPUs" in text
    assert "They would pay in 1 of 1 cases" in text
    assert "They would pay in no case" in page(found(0.9))


def test_rounds_are_in_turn_after_a_warm_up() -> None:
    calls: list[str] = []
    cases = {name: lambda name=name: float(calls.append(name) or len(calls)) for name in "ab"}
    assert gpu_clock.in_turn(cases, rounds=2) == {"a": [4, 5], "b": [3, 6]}
    assert calls == ["a", "b", "b", "a", "a", "b"]
    assert gpu_clock.spread([3, 1, 2]) == {"median": 2, "low": 1, "high": 3, "rounds": 3}


def test_what_fails_or_comes_too_late_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def rows() -> Any:
        yield {"way": "a"}
        raise RuntimeError("out of memory")

    kept = list(gpu._within_budget(rows(), gpu.time.perf_counter()))
    assert kept == [{"way": "a"}, {"left_out": "what follows failed: RuntimeError: out of memory"}]
    assert "left_out" in next(gpu._within_budget(rows(), gpu.time.perf_counter() - gpu.BUDGET - 1))


def test_without_a_gpu_nothing_is_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="no GPU"):
        gpu.main([])
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_all_of_it_runs_dry_and_leaves_the_kept_figures_alone(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    line = [sys.executable, "-m", "aelab.benchmarks.gpu", "--dry"]
    done = subprocess.run(line, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not list((tmp_path / "docs").iterdir())
    said = done.stdout.strip().splitlines()
    assert said[-2] == "a dry run on the CPU: these are not the figures of a GPU"
    result = json.loads(Path(said[-1]).read_text())
    parts = ("errors", "strategies", "sweeps", "stacks")
    missing = [row for part in parts for row in result[part] if "left_out" in row]
    assert result["dry"] and missing == [{"group": "several devices", "way": "fsdp", "left_out": "needs two GPUs"}]
    assert {(row["network"], row["replicas"]) for row in result["stacks"]} == {
        (network, count)
        for network in ("mlp 64-32-8, batch 4", "mlp 784-256-64, batch 4", "conv 64-8-16, batch 4")
        for count in (1, 2)
    }
    assert len(result["stacks"]) == 3 * 2 * 3
    assert [row["way"] for row in result["errors"]] == ["cpu, 32-true", "cpu, bf16-mixed"]
    assert [row["way"] for row in result["sweeps"]] == ["hydra/launcher=stacked", "hydra/launcher=workers"]
    assert "not the figures of a GPU" in Path(said[-1]).with_name("gpu.md").read_text()
