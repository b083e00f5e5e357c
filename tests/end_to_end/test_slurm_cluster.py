"""A real SLURM: job arrays, one model on two tasks and on two nodes, pre-emption and going on. ``make test-slurm``"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_runs import TINY, compose_tiny

from aelab.runs.history_file import read_rows
from aelab.runs.identity import run_id

TRAIN = [sys.executable, str(Path(__file__).parents[2] / "scripts" / "train.py")]
# noise, so that a generator that is not restored would show, and epochs enough to be interrupted in
LONG = (*TINY, "corruption=gaussian", "trainer.max_epochs=300", "trainer.steps_per_execution=1", "data.batch_size=64")


def absence() -> str:
    if shutil.which("sbatch") is None:
        return "SLURM is not installed (tests/support/one_machine_slurm.sh says how)"
    try:
        answer = subprocess.run(["sinfo", "--noheader"], capture_output=True, text=True, timeout=20)
    except subprocess.TimeoutExpired:
        return "no SLURM controller answers"
    return "" if answer.returncode == 0 and answer.stdout else f"no SLURM controller answers: {answer.stderr.strip()}"


@pytest.fixture(autouse=True)
def _cluster() -> None:
    if reason := absence():
        pytest.skip(reason)


pytestmark = [pytest.mark.slow, pytest.mark.slurm]


def until(condition: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def preempt(job: str, signal: str, rows: Path) -> int:
    """Send a signal to the job's tasks once it has trained; returns the epochs that it had when it stopped."""
    until(lambda: rows.exists() and len(read_rows(rows)) >= 10)
    manifest = rows.with_name("manifest.json")
    with subprocess.Popen(["scancel", f"--signal={signal}", job]) as sender:
        until(lambda: json.loads(manifest.read_text())["status"] == "interrupted")
        sender.kill()  # it tries again where the job is gone before it has its answer
    done = len(read_rows(rows))
    until(
        lambda: state(job) == "PENDING" and not steps(job)
    )  # what is still being ended would take the new steps along
    time.sleep(3)  # the credential of the first attempt is revoked to the second: a new one must be younger
    until(lambda: start_now(job))  # SLURM lets a requeued job wait for two minutes
    return done


def state(job: str) -> str:
    done = subprocess.run(["squeue", "--noheader", "--format=%T", f"--jobs={job}"], capture_output=True, text=True)
    return done.stdout.strip()


def steps(job: str) -> bool:
    """Whether a cluster of this machine still has processes of the job's earlier attempt."""
    return subprocess.run(["pgrep", "-f", rf"slurmstepd: \[{job}\."], capture_output=True).returncode == 0


def start_now(job: str) -> bool:
    subprocess.run(["scontrol", "update", f"jobid={job}", "StartTime=now"], capture_output=True)
    time.sleep(1)
    return state(job) in ("RUNNING", "COMPLETING", "")


def same(ours: Path, theirs: Path) -> None:
    assert read_rows(ours / "metrics.jsonl") == read_rows(theirs / "metrics.jsonl")
    metrics = [json.loads((folder / "manifest.json").read_text())["metrics"] for folder in (ours, theirs)]
    assert metrics[0] == metrics[1]


def test_preempted_job_of_an_array_goes_on(tmp_path: Path) -> None:
    """Three jobs: one is pre-empted, one fails, and the sweep's end tells of all."""
    array, plain = tmp_path / "array", tmp_path / "plain"
    codes = "network.code_size=2,3"
    slurm = ("hydra/launcher=slurm", "hydra.launcher.cpus_per_task=1", "hydra.launcher.runs_per_job=1")
    command = [*TRAIN, "-m", *slurm, *LONG, f"paths.outputs={array}"]
    sweep = subprocess.Popen(
        [*command, codes, "optimizer.lr=1e-3,1e300"], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    first = compose_tiny(array, *LONG, "network.code_size=2", "optimizer.lr=1e-3")
    run = array / "runs" / run_id(first)
    jobs = array / "runs" / ".submitit"
    until(lambda: any(jobs.glob("*_0")))
    (folder,) = jobs.glob("*_0")
    done = preempt(folder.name, "USR2", run / "metrics.jsonl")
    assert 10 <= done < 300
    reference = subprocess.run([*TRAIN, "-m", *LONG, codes, "optimizer.lr=1e-3", f"paths.outputs={plain}"])
    assert reference.returncode == 0
    out, err = sweep.communicate(timeout=240)
    assert sweep.returncode == 1, err
    assert "4 runs: 2 complete, 2 failed." in out
    assert out.splitlines()[-1] == f"sweep: {array}/runs"
    assert err.splitlines()[-1].startswith("2 of this sweep's runs did not complete")
    complete = [path.parent for path in (plain / "runs").glob("*/manifest.json")]
    assert len(complete) == 2
    for theirs in complete:
        same(array / "runs" / theirs.name, theirs)
    assert json.loads((run / "manifest.json").read_text())["timings"]["attempts"] == 2


def test_a_preempted_pack_goes_on(tmp_path: Path) -> None:
    """Six runs in two jobs, a stack each; one is pre-empted in the middle of its stack."""
    packs = ("hydra/launcher=slurm", "hydra.launcher.cpus_per_task=1", "hydra.launcher.runs_per_job=3")
    command = [*TRAIN, "-m", *packs, *LONG, "seed=range(6)", f"paths.outputs={tmp_path}"]
    sweep = subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    run = tmp_path / "runs" / run_id(compose_tiny(tmp_path, *LONG, "seed=0"))
    jobs = tmp_path / "runs" / ".submitit"
    until(lambda: any(jobs.glob("*_0")))
    (folder,) = jobs.glob("*_0")
    done = preempt(folder.name, "USR2", run / "metrics.jsonl")
    assert 10 <= done < 300
    out, err = sweep.communicate(timeout=240)
    assert sweep.returncode == 0, err
    assert "6 runs: 6 complete" in out
    found = {one["seed"]: one for one in map(read, (tmp_path / "runs").glob("*/manifest.json"))}
    assert [found[seed]["timings"]["attempts"] for seed in range(6)] == [2, 2, 2, 1, 1, 1]
    assert {len(read_rows(path)) for path in (tmp_path / "runs").glob("*/metrics.jsonl")} == {300}


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_array_of_jobs_of_two_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure costs one job; its two tasks, like those of the other, are one run."""
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")  # each job lies on one node
    command = [
        *TRAIN,
        "-m",
        "hydra/launcher=slurm",
        "hydra.launcher.tasks_per_node=2",
        "hydra.launcher.cpus_per_task=1",
    ]
    done = subprocess.run(
        [*command, *TINY, "trainer=ddp_cpu", "optimizer.lr=1e300,1e-3", f"paths.outputs={tmp_path}"],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 1 and "2 runs: 1 complete, 1 failed." in done.stdout, done.stderr
    said = "".join(path.read_text() for path in tmp_path.glob("runs/.submitit/*/*_log.out"))
    assert said.count("run: ") == 1, "of two processes one speaks"
    assert len(list(tmp_path.rglob("manifest.json"))) == 2


@pytest.mark.parametrize("nodes, tasks", [(1, 2), (2, 1)], ids=["two tasks", "two nodes"])
def test_preempted_job_of_two_processes_goes_on(nodes: int, tasks: int, tmp_path: Path) -> None:
    """srun starts both processes of one data-parallel run; SIGUSR1 is what SLURM is asked to send before the end."""
    if nodes > int(subprocess.run(["sinfo", "--noheader", "--format=%D"], capture_output=True, text=True).stdout):
        pytest.skip(f"SLURM has less than {nodes} nodes")
    two, plain = tmp_path / "two", tmp_path / "plain"
    parallel = (*LONG, "trainer=ddp_cpu", "model=contractive", "trainer.precision=64-true")
    spread = (f"trainer.devices={tasks}", f"trainer.num_nodes={nodes}")
    script = tmp_path / "job.sh"
    script.write_text(
        f"#!/bin/bash\n#SBATCH --nodes={nodes} --ntasks-per-node={tasks} --requeue --signal=USR1@60 --time=10\n"
        f"#SBATCH --open-mode=append --output={tmp_path}/said.txt\n"
        "# both nodes of our own cluster are this machine, whatever they are called\n"
        "scontrol show config | grep -q 'ClusterName *= aelab' && export MASTER_ADDR=127.0.0.1\n"
        f"srun {' '.join(TRAIN)} {' '.join(parallel)} {' '.join(spread)} paths.outputs={two}\n"
    )
    sent = subprocess.run(["sbatch", "--parsable", script], capture_output=True, text=True, check=True, env=os.environ)
    run = two / "runs" / run_id(compose_tiny(two, *parallel))
    assert 10 <= preempt(sent.stdout.strip(), "USR1", run / "metrics.jsonl") < 300
    reference = subprocess.run([*TRAIN, *parallel, f"paths.outputs={plain}"])
    assert reference.returncode == 0
    until(lambda: state(sent.stdout.strip()) == "")
    said = (tmp_path / "said.txt").read_text()
    assert json.loads((run / "manifest.json").read_text())["status"] == "complete", said
    assert said.count(f"run: {run}") == 1, "of two processes one speaks"
    assert [path.parent for path in two.rglob("manifest.json")] == [run]
    same(run, plain / "runs" / run.name)
