"""A sweep on a Ray cluster of this machine. ``make test-ray``"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_runs import TINY, compose_tiny

from aelab.fitting.run import run
from aelab.runs.history_file import read_rows
from aelab.runs.identity import run_id

pytestmark = [pytest.mark.slow, pytest.mark.ray]


def test_sweep_on_ray_gives_one_table(tmp_path: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_ray_launcher", reason="the extra `ray` is not installed (make test-ray)")
    train = [sys.executable, str(Path(__file__).parents[2] / "scripts" / "train.py"), "-m", *TINY]
    done = subprocess.run(
        [*train, "hydra/launcher=ray_local", f"paths.outputs={tmp_path}", "optimizer.lr=1e300,1e-3"],
        capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0"},
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert done.stdout.count("2 runs: 1 complete, 1 failed.") == 1
    assert f"sweep: {tmp_path}/runs" in done.stdout.splitlines()
    run(compose_tiny(tmp_path / "alone", "optimizer.lr=1e-3"), [])
    name = run_id(compose_tiny(tmp_path, "optimizer.lr=1e-3"))
    rays, alone = tmp_path / "runs" / name, tmp_path / "alone" / "runs" / name
    assert read_rows(rays / "metrics.jsonl") == read_rows(alone / "metrics.jsonl")
    metrics = [json.loads((folder / "manifest.json").read_text())["metrics"] for folder in (rays, alone)]
    assert metrics[0] == metrics[1]
