"""Processes of torchrun or srun that train runs, or replicas, of their own: shared out through files alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tiny_runs import TINY, compose_tiny

from aelab.fitting.among_ranks import FITTED, fit_among_ranks
from aelab.fitting.run import run
from aelab.machines.ranks import alone, group, is_of_one_model
from aelab.runs.claim import claim
from aelab.runs.identity import run_id

TRAIN = str(Path(__file__).parents[2] / "scripts" / "train.py")
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]


def as_srun(rank: int) -> dict[str, str]:
    """What srun tells its second process of two, as far as anything asks."""
    told = {"SLURM_JOB_ID": "1", "SLURM_STEP_ID": "0", "SLURM_NTASKS": "2", "SLURM_PROCID": str(rank)}
    return {**os.environ, **told, "SLURM_LOCALID": str(rank)}


def manifests(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(folder.glob("runs/*/manifest.json"))]


@pytest.mark.slow
def test_a_sweep_is_shared_out_in_stacks(tmp_path: Path) -> None:
    command = [*TORCHRUN, TRAIN, "-m", *TINY, "seed=range(4)", "network.hidden=[16],[12]", f"paths.outputs={tmp_path}"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=200)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("8 runs: 8 complete") == 1, "of two processes one compares"
    found = manifests(tmp_path)
    assert [one["status"] for one in found] == ["complete"] * 8
    assert {one["timings"]["attempts"] for one in found} == {1}, "nothing is trained twice"
    assert len({one["stacked"]["by"] for one in found}) == 2, "a stack each"


@pytest.mark.slow
def test_a_run_that_fails_is_tried_once_and_rank_0_judges(tmp_path: Path) -> None:
    rates = ("optimizer.lr=1e300,1e-3", "network.hidden=[16],[12]")
    command = [*TORCHRUN, TRAIN, "-m", *TINY, *rates, f"paths.outputs={tmp_path}"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=200)
    assert done.returncode == 1
    assert done.stdout.count("4 runs: 2 complete, 2 failed.") == 1, done.stdout + done.stderr


@pytest.mark.slow
def test_a_rank_that_dies_leaves_its_runs_to_the_others(tmp_path: Path) -> None:
    """srun lets the others go on; each run here is a stack of its own kind, and rank 1 dies in its first."""
    long = ("trainer.max_epochs=60", "trainer.steps_per_execution=1", "network.hidden=[16],[12],[8],[10]")
    command = [sys.executable, TRAIN, "-m", *TINY, *long, f"paths.outputs={tmp_path}"]
    ranks = [
        subprocess.Popen(command, cwd=tmp_path, env=as_srun(rank), stdout=output, text=True)
        for rank, output in enumerate((subprocess.PIPE, subprocess.DEVNULL))
    ]
    deadline = time.monotonic() + 90
    while len(list(tmp_path.glob("runs/*/metrics.jsonl"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    ranks[1].send_signal(signal.SIGKILL)
    ranks[1].wait()
    said, _ = ranks[0].communicate(timeout=200)
    assert ranks[0].returncode == 0
    assert "4 runs: 4 complete" in said
    assert sorted(one["timings"]["attempts"] for one in manifests(tmp_path)) in ([1, 1, 1, 2], [1, 1, 1, 1])


@pytest.mark.slow
def test_the_replicas_of_a_run_are_shared_out(tmp_path: Path) -> None:
    plan = ("replicas=bootstrap", "replicas.count=4", "replicas.mode=sequential", "trainer.precision=64-true")
    command = [*TORCHRUN, TRAIN, *TINY, *plan, f"paths.outputs={tmp_path}"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=200)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("test/error") == 1, "of two processes one speaks"
    [record] = manifests(tmp_path)
    directory = tmp_path / "runs" / record["run_id"]
    by = {(path / ".lock").read_text() for path in directory.glob("replicas/*") if path.is_dir()}
    assert len(by) == 2, "two processes had chunks"
    run(compose_tiny(tmp_path / "alone", *plan), [])
    [other] = manifests(tmp_path / "alone")
    assert record["metrics"] == pytest.approx(other["metrics"], rel=1e-12)
    assert record["run_id"] == other["run_id"] == run_id(compose_tiny(tmp_path, *plan))


def test_chunks_are_fitted_once_by_whoever_is_free(tmp_path: Path) -> None:
    chunks = [tmp_path / str(index) for index in range(5)]
    fitted: list[int] = []
    with claim(chunks[4]):  # another rank is at it
        pass
    fit_among_ranks(chunks, 1, 2, fitted.append)
    assert fitted == [1, 3, 0, 2, 4], "its own first, then what nobody is at"
    fit_among_ranks(chunks, 0, 2, fitted.append)
    assert len(fitted) == 5 and all((chunk / FITTED).exists() for chunk in chunks)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({}, (0, 1)),
        ({"RANK": "3", "WORLD_SIZE": "4", "SLURM_PROCID": "0", "SLURM_NTASKS": "1"}, (3, 4)),
        ({"SLURM_PROCID": "1", "SLURM_NTASKS": "2"}, (1, 2)),
    ],
)
def test_who_is_in_a_group(told: dict[str, str], expected: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "SLURM_PROCID", "SLURM_NTASKS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    assert group() == expected
    with alone():
        assert group() == (0, 1)
    assert group() == expected


def test_what_is_one_model_of_all(tmp_path: Path) -> None:
    assert not is_of_one_model(compose_tiny(tmp_path).trainer)
    assert is_of_one_model(compose_tiny(tmp_path, "trainer=ddp_cpu").trainer)
    assert is_of_one_model(compose_tiny(tmp_path, "trainer.num_nodes=2").trainer)


def test_a_search_is_not_shared_out(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    command = [sys.executable, TRAIN, "-m", *TINY, "hydra/sweeper=optuna", f"paths.outputs={tmp_path}"]
    done = subprocess.run(
        [*command, "optimizer.lr=interval(0.001,0.01)"], cwd=tmp_path, env=as_srun(0), capture_output=True, text=True
    )
    assert done.returncode != 0 and "its trials cannot be shared out among 2 processes" in done.stderr, done.stderr
