"""Sweeps on a Ray cluster of two nodes on this machine. ``make test-ray``"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dying import ENVIRONMENT, MODEL
from tiny_runs import TINY, compose_tiny

from aelab.fitting.run import run
from aelab.runs.history_file import read_rows
from aelab.runs.identity import run_id

pytestmark = [pytest.mark.slow, pytest.mark.ray]

TRAIN = str(Path(__file__).parents[2] / "scripts" / "train.py")
ALONE = {**os.environ, **ENVIRONMENT, "RAY_USAGE_STATS_ENABLED": "0"}
PORT = 6399


@pytest.fixture(scope="module")
def cluster() -> Iterator[tuple[str, ...]]:
    """Two nodes of one core each; the overrides that use it."""
    pytest.importorskip("ray", reason="the extra `ray` is not installed (make test-ray)")
    ray = shutil.which("ray", path=str(Path(sys.executable).parent)) or "ray"
    quiet = {"stdout": subprocess.DEVNULL, "env": ALONE, "check": True}
    subprocess.run([ray, "start", "--head", f"--port={PORT}", "--num-cpus=1", "--include-dashboard=false"], **quiet)
    subprocess.run([ray, "start", f"--address=127.0.0.1:{PORT}", "--num-cpus=1"], **quiet)
    yield "hydra/launcher=ray", f"hydra.launcher.init.address=127.0.0.1:{PORT}"
    subprocess.run([ray, "stop", "--force"], stdout=subprocess.DEVNULL, check=False)


def sweep(folder: Path, *overrides: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, TRAIN, "-m", *TINY, *overrides, f"paths.outputs={folder}"],
        capture_output=True, text=True, cwd=folder, env=ALONE, timeout=300,
    )  # fmt: skip


def manifests(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(folder.glob("runs/*/manifest.json"))]


def test_a_sweep_gives_one_table(cluster: tuple[str, ...], tmp_path: Path) -> None:
    """One run a task; the result is that of the run alone."""
    done = sweep(tmp_path, *cluster, "hydra.launcher.runs_per_job=1", "optimizer.lr=1e300,1e-3")
    assert done.returncode == 1, done.stderr
    assert done.stdout.count("2 runs: 1 complete, 1 failed.") == 1
    assert f"sweep: {tmp_path}/runs" in done.stdout.splitlines()
    run(compose_tiny(tmp_path / "alone", "optimizer.lr=1e-3"), [])
    name = run_id(compose_tiny(tmp_path, "optimizer.lr=1e-3"))
    rays, alone = tmp_path / "runs" / name, tmp_path / "alone" / "runs" / name
    assert read_rows(rays / "metrics.jsonl") == read_rows(alone / "metrics.jsonl")
    metrics = [json.loads((folder / "manifest.json").read_text())["metrics"] for folder in (rays, alone)]
    assert metrics[0] == metrics[1]


def test_runs_that_can_share_a_stack_are_one_task(cluster: tuple[str, ...], tmp_path: Path) -> None:
    done = sweep(tmp_path, *cluster, "hydra.launcher.runs_per_job=3", "seed=range(6)")
    assert done.returncode == 0, done.stderr
    assert "6 runs: 6 complete" in done.stdout
    found = manifests(tmp_path)
    assert [one["stacked"]["runs"] for one in found] == [3] * 6
    assert len({one["stacked"]["by"] for one in found}) == 2, "two tasks, each in a process of its own"


def test_a_task_that_dies_costs_the_guilty_run_alone(cluster: tuple[str, ...], tmp_path: Path) -> None:
    done = sweep(tmp_path, *cluster, *MODEL, "+model.end=abort", "+model.victim=1", "seed=0,1,2")
    assert done.returncode == 1, done.stdout
    assert "each is tried by itself" in done.stderr
    by_seed = {one["seed"]: one for one in manifests(tmp_path)}
    assert {seed: one["status"] for seed, one in by_seed.items()} == {0: "complete", 1: "failed", 2: "complete"}
    assert by_seed[1]["error"]["message"] == "its process is gone, perhaps out of memory"


def test_a_signal_saves_the_runs_and_the_same_command_goes_on(cluster: tuple[str, ...], tmp_path: Path) -> None:
    long = ("trainer.max_epochs=400", "trainer.steps_per_execution=1", "hydra.launcher.runs_per_job=1", "seed=0,1")
    command = [sys.executable, TRAIN, "-m", *TINY, *cluster, *long, f"paths.outputs={tmp_path}"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=ALONE)
    deadline = time.monotonic() + 120
    while len(list(tmp_path.glob("runs/*/metrics.jsonl"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM, said
    assert [one["status"] for one in manifests(tmp_path)] == ["interrupted"] * 2, said
    done = sweep(tmp_path, *cluster, *long)
    assert done.returncode == 0, done.stderr
    assert [one["timings"]["attempts"] for one in manifests(tmp_path)] == [2, 2]


def test_without_ray_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from aelab.cli.on_ray import OnRay
    from aelab.errors import UserError

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r'pip install "aelab\[ray\]"'):
        OnRay(None, {}, {})  # type: ignore[arg-type]
