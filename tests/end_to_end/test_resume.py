"""Killed anywhere, any number of times, and the same in the end: real processes, real SIGKILL."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from killed import HELD, KILLS, SCENARIOS
from PIL import Image

from aelab.runs.checkpoints import load_checkpoint
from aelab.runs.history_file import read_rows

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where everything was trained straight and under fire."""
    folder = tmp_path_factory.mktemp("killed")
    draw = np.random.default_rng(0)
    (folder / "pictures").mkdir()
    for index in range(120):
        Image.fromarray(draw.integers(0, 255, (9, 9), dtype=np.uint8)).save(folder / "pictures" / f"{index}.png")
    script = Path(__file__).parents[1] / "support" / "killed.py"
    done = subprocess.run([sys.executable, str(script), str(folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def told(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "told.json").read_text())


def only_run(folder: Path) -> Path:
    (manifest,) = folder.rglob("manifest.json")
    return manifest.parent


def same(one: Any, other: Any) -> bool:
    """Equal to the bit, whatever is nested in whatever."""
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


@pytest.mark.parametrize("name", SCENARIOS)
def test_killed_run_equals_the_straight_one(name: str, folder: Path, told: dict[str, Any]) -> None:
    assert told[name] == {"straight": 0, "kills": KILLS, "end": 0}, (folder / "log.txt").read_text()[-3000:]
    straight, killed = (only_run(folder / kind / name) for kind in ("straight", "killed"))
    for file in ("last.ckpt", "best.ckpt"):
        one, other = (load_checkpoint(run / "checkpoints" / file) for run in (straight, killed))
        for part in ("state_dict", "optimizer_states", "lr_schedulers", "epoch", "global_step"):
            assert same(one.get(part), other.get(part)), (file, part)
    histories = [read_rows(run / "metrics.jsonl") for run in (straight, killed)]
    assert histories[0] == histories[1]
    assert [row["epoch"] for row in histories[0]] == list(range(len(histories[0])))
    manifests = [json.loads((run / "manifest.json").read_text()) for run in (straight, killed)]
    assert manifests[0]["metrics"] == manifests[1]["metrics"]
    assert manifests[0]["timings"]["attempts"] == 1 < manifests[1]["timings"]["attempts"] <= KILLS + 1


def by_name(folder: Path) -> dict[str, dict[str, Any]]:
    return {path.parent.name: json.loads(path.read_text()) for path in folder.rglob("manifest.json")}


def test_killed_sweep_equals_the_straight_one(folder: Path, told: dict[str, Any]) -> None:
    assert (told["sweep"]["straight"], told["sweep"]["kills"], told["sweep"]["end"]) == (0, 3, 0)
    straight, killed = (by_name(folder / kind / "sweep") for kind in ("straight", "killed"))
    assert len(straight) == 12
    assert {name: run["metrics"] for name, run in straight.items()} == {n: run["metrics"] for n, run in killed.items()}
    assert {run["status"] for run in killed.values()} == {"complete"}
    assert 1 <= sum(run["timings"]["attempts"] - 1 for run in killed.values()) <= 3


def test_wider_grid_reuses_what_is_there(folder: Path, told: dict[str, Any]) -> None:
    assert told["sweep"]["wider"] == 0
    narrow, wide = (by_name(folder / kind) for kind in ("straight/sweep", "wider"))
    assert len(wide) == 18 and narrow.items() <= wide.items(), "not one entry of a manifest has changed"


def test_two_sweeps_share_the_work(folder: Path, told: dict[str, Any]) -> None:
    assert told["sweep"]["shared"] == [0, 0]
    runs = by_name(folder / "shared")
    assert len(runs) == 12 and {run["status"] for run in runs.values()} == {"complete"}
    assert {run["timings"]["attempts"] for run in runs.values()} == {1}, "no run was done twice"
    outputs = [(folder / f"shared{index}.txt").read_text() for index in range(2)]
    trained = [sum(line.startswith("test/error") for line in output.splitlines()) for output in outputs]
    assert sum(trained) == 12 and min(trained) >= 1, outputs
    assert all("12 runs: 12 complete" in output for output in outputs), "both end in the whole table"


@pytest.mark.parametrize("name, status", [("SIGTERM", 143), ("SIGINT", 130), ("SIGUSR1", 138)])
def test_signal_leaves_a_checkpoint(name: str, status: int, folder: Path, told: dict[str, Any]) -> None:
    assert told["signals"][name]["another"] == HELD, "one process at a time is at a run"
    assert told["signals"][name]["status"] == status
    assert told["signals"][name]["seconds"] < 5
    run = only_run(folder / name)
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["status"] == "interrupted" and manifest["error"]["message"] == f"received {name}"
    checkpoint = load_checkpoint(run / "checkpoints" / "last.ckpt")
    assert checkpoint["global_step"] > 0 and len(read_rows(run / "metrics.jsonl")) == checkpoint["epoch"] + (
        "epoch_under_way" not in checkpoint
    )
    assert not os.path.exists(run / "checkpoints" / ".last.ckpt.part")
