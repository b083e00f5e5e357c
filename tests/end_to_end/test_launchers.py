"""Sweeps in several processes of one machine: our workers and submitit's local jobs, signals, GPUs shared out."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from multiprocessing import get_context
from pathlib import Path

import pytest
from hydra.errors import MissingConfigException
from omegaconf import DictConfig, OmegaConf
from tiny_runs import TINY, compose_tiny

from aelab.config.explain import explain
from aelab.errors import UserError
from aelab.fitting.run import run
from aelab.machines import devices
from aelab.machines.ranks import is_rank_zero
from aelab.runs.history_file import read_rows
from aelab.runs.identity import run_id

TRAIN = [sys.executable, str(Path(__file__).parents[2] / "scripts" / "train.py"), "-m", *TINY]
LAUNCHER = "parallel"


def metrics(directory: Path) -> dict[str, float]:
    found = json.loads((directory / "manifest.json").read_text())["metrics"]
    return {name: value for name, value in found.items() if isinstance(value, float)}


@pytest.mark.parametrize("launcher", ["workers", "parallel", "slurm_local", "basic"])
def test_sweep_gives_one_table_and_a_failure_costs_only_itself(launcher: str, tmp_path: Path) -> None:
    if launcher == "slurm_local":
        pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    done = subprocess.run(
        [*TRAIN, f"hydra/launcher={launcher}", f"paths.outputs={tmp_path}", "optimizer.lr=1e300,1e-3"],
        capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert done.stdout.count("2 runs: 1 complete, 1 failed.") == 1
    assert done.stdout.splitlines()[-1] == f"sweep: {tmp_path}/runs"
    failed, good = (compose_tiny(tmp_path, f"optimizer.lr={lr}") for lr in (1e300, 1e-3))
    assert done.stderr.splitlines()[-1] == (
        f"1 of this sweep's runs did not complete: {run_id(failed)} (failed); the same command tries again"
    )
    alone = compose_tiny(tmp_path / "alone", "optimizer.lr=1e-3")
    run(alone, [])
    one, other = tmp_path / "runs" / run_id(good), tmp_path / "alone" / "runs" / run_id(good)
    assert metrics(one) == metrics(other), "who launches a run does not change it"
    assert read_rows(one / "metrics.jsonl") == read_rows(other / "metrics.jsonl")


@pytest.mark.parametrize(
    "launcher, jobs, count, first",
    [
        pytest.param("workers", 1, 1, signal.SIGHUP, marks=pytest.mark.slow),
        ("workers", 2, 2, signal.SIGTERM),
        ("stacked", 1, 3, signal.SIGTERM),
    ],
)
def test_signals_stop_a_sweep_and_it_goes_on(
    launcher: str, jobs: int, count: int, first: signal.Signals, tmp_path: Path
) -> None:
    """A signal to the sweep alone; then Ctrl-C, which a terminal sends to all its processes, by somebody impatient."""
    long = ("trainer.max_epochs=100000", "trainer.steps_per_execution=1", f"hydra.launcher.n_jobs={jobs}")
    command = [*TRAIN, *long, f"hydra/launcher={launcher}", "network.code_size=2,3,4", f"paths.outputs={tmp_path}"]
    epochs = 0
    for signum in (first, signal.SIGINT):
        process = subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
            preexec_fn=heeding,
        )  # fmt: skip
        deadline = time.monotonic() + 90
        while (
            len(at := under_way(tmp_path)) < count or written(tmp_path) <= epochs + 1
        ) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(at) == count
        told = time.monotonic()
        (os.killpg if signum == signal.SIGINT else os.kill)(process.pid, signum)
        if signum == signal.SIGINT:
            time.sleep(0.1)
            os.killpg(process.pid, signum)
        _, said = process.communicate(timeout=30)
        assert process.returncode == 128 + signum, said
        assert time.monotonic() - told < 10, "half a second on an idle machine"
        assert said.splitlines()[-1] == f"interrupted; the same command resumes {tmp_path}/runs"
        manifests = [json.loads(path.read_text()) for path in tmp_path.rglob("manifest.json")]
        assert [manifest["status"] for manifest in manifests] == ["interrupted"] * count, "the next never began"
        heard = "SIGTERM" if signum == signal.SIGHUP else signum.name
        assert {manifest["error"]["message"] for manifest in manifests} == {f"received {heard}"}
        assert written(tmp_path) > epochs, "the second time goes on where the first one stopped"
        epochs = written(tmp_path)


def heeding() -> None:
    """Under ``nohup``, which tests may be run under too, a process would ignore a terminal's end, as it should."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def test_a_signal_to_one_worker_stops_its_run_alone(tmp_path: Path) -> None:
    long = ("trainer.max_epochs=100000,2", "trainer.steps_per_execution=1")
    command = [*TRAIN, *long, f"paths.outputs={tmp_path}"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 90
    while not under_way(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    [running] = under_way(tmp_path)
    os.kill(int((running.parent / ".lock").read_text().split()[1]), signal.SIGTERM)
    _, said = process.communicate(timeout=90)
    assert process.returncode == 1, said
    states = {path: json.loads(path.read_text())["status"] for path in tmp_path.rglob("manifest.json")}
    assert len(states) == 2 and states.pop(running) == "interrupted" and set(states.values()) == {"complete"}


def under_way(folder: Path) -> list[Path]:
    running = [path for path in folder.rglob("manifest.json") if '"status": "running"' in path.read_text()]
    return [path for path in running if (path.parent / "metrics.jsonl").exists()]


def written(folder: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in folder.rglob("metrics.jsonl"))


def test_presets_extend_the_plugins() -> None:
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    from hydra import compose, initialize_config_dir

    from aelab.config.objects import conf_dir

    devices.register_resolver()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        parallel, slurm, local = (
            compose("train", [f"hydra/launcher={name}"], return_hydra_config=True)
            for name in ("parallel", "slurm", "slurm_local")
        )
    assert parallel.hydra.launcher._target_ == "hydra_plugins.aelab_workers.WorkersLauncher"
    assert parallel.hydra.launcher.n_jobs == len(os.sched_getaffinity(0))
    assert slurm.hydra.launcher.additional_parameters == {"requeue": True}
    assert slurm.hydra.launcher.max_num_timeout > 0 and "partition" in slurm.hydra.launcher
    assert local.hydra.job.env_set.OMP_NUM_THREADS == "1"


def test_missing_plugin_is_told() -> None:
    error = MissingConfigException("In 'hydra/launcher/slurm': Could not load 'hydra/launcher/packed_slurm'.")
    assert explain(error) == ('hydra/launcher=slurm: needs a plugin that is not installed; pip install "aelab[slurm]"')


# --- GPUs, pretended ---


def job_config(**trainer: object) -> DictConfig:
    return OmegaConf.create({"trainer": {"accelerator": "gpu", "devices": 1, **trainer}})


def hold(folder: Path, names: Sequence[str], count: int, jobs: int, log: Path) -> None:
    """A worker: each job notes when it had which devices."""
    for _ in range(jobs):
        with devices.slots(list(names), count, folder, pause_s=0.001) as own:
            began = time.monotonic()
            time.sleep(0.01)
            with log.open("a") as file:
                file.write(json.dumps({"own": own, "began": began, "ended": time.monotonic()}) + "\n")


@pytest.mark.parametrize("count, processes", [(1, 3), (2, 4)])
def test_no_two_jobs_share_a_device(count: int, processes: int, tmp_path: Path) -> None:
    names, log = ["0", "1", "MIG-2/1"], tmp_path / "log"
    context = get_context("fork")
    workers = [context.Process(target=hold, args=(tmp_path, names, count, 8, log)) for _ in range(processes)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    held = [json.loads(line) for line in log.read_text().splitlines()]
    assert len(held) == 8 * processes
    assert {name for job in held for name in job["own"]} <= set(names)
    assert {len(set(job["own"])) for job in held} == {count}
    for name in names:
        spans = sorted((job["began"], job["ended"]) for job in held if name in job["own"])
        assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))


def test_a_job_sees_its_own_device_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(devices, "lock_folder", lambda: tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    with devices.slots(["3", "5"], 1, tmp_path) as taken, devices.devices_of_its_own(job_config(), LAUNCHER):
        assert (taken, os.environ["CUDA_VISIBLE_DEVICES"]) == (["3"], "5")
    # CUDA has seen 5 and sees nothing else any more: the next job of this process waits for it
    with devices.slots(["5"], 1, tmp_path):
        thread = threading.Thread(target=devices.devices_of_its_own(job_config(), LAUNCHER).__enter__)
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
    thread.join(10)
    assert not thread.is_alive()
    assert capsys.readouterr().out == "waiting for 1 of the GPUs 5, which other jobs have\n"


@pytest.mark.parametrize(
    "launcher, trainer",
    [
        ("workers", {}),
        ("basic", {}),
        ("slurm", {}),
        (LAUNCHER, {"accelerator": "cpu"}),
        (LAUNCHER, {"devices": -1}),
    ],
)
def test_other_jobs_are_left_alone(launcher: str, trainer: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    with devices.devices_of_its_own(job_config(**trainer), launcher):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "0,1"


def test_more_devices_than_there_are(tmp_path: Path) -> None:
    with (
        pytest.raises(UserError, match=r"trainer.devices=3: this process sees 2 GPUs"),
        devices.slots(["0", "1"], 3, tmp_path),
    ):
        pass


def test_workers_fill_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3,4")
    assert devices.workers("gpu", 1) == 5
    assert devices.workers("gpu", 2) == 2
    assert devices.workers("gpu", -1) == 5
    assert devices.workers("cpu", 1) == len(os.sched_getaffinity(0))
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    assert devices.lock_folder().name.endswith("-17"), "two SLURM jobs may both call their GPU 0"


@pytest.mark.parametrize(
    "environment, first",
    [
        ({}, True),
        ({"LOCAL_RANK": "1"}, False),
        ({"NODE_RANK": "1", "LOCAL_RANK": "0"}, False),
        ({"SLURM_PROCID": "1"}, False),
        ({"SLURM_PROCID": "0", "LOCAL_RANK": "1"}, False),
        ({"SLURM_PROCID": "1", "RANK": "0", "LOCAL_RANK": "0"}, True),
        ({"SLURM_PROCID": "0", "RANK": "2", "LOCAL_RANK": "0"}, False),
    ],
)
def test_one_process_owns_the_run(environment: dict[str, str], first: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "SLURM_PROCID", "LOCAL_RANK", "NODE_RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert is_rank_zero() is first
