"""Children end with their parent: workers, ranks, processes of replicas and loaders, the sweep of a paper."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_runs import TINY

from aelab.machines.orphans import PATIENCE_S
from aelab.runs.checkpoints import load_checkpoint
from aelab.runs.history_file import read_rows

SCRIPTS = Path(__file__).parents[2] / "scripts"
LONG = (*TINY, "trainer.max_epochs=100000", "trainer.steps_per_execution=1", "data.batch_size=64")
TWO = ("-m", "hydra/launcher=parallel", "hydra.launcher.n_jobs=2", "seed=0,1")
ONE = ("-m", "seed=0")
LIMIT_S = PATIENCE_S + 12
"""Seconds within which nobody is left, on a busy machine."""


Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a command in a session of its own; of which nobody outlives the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*overrides: str, script: str = "train.py") -> subprocess.Popen[bytes]:
        with (tmp_path / "said.txt").open("a") as file:
            command = [sys.executable, str(SCRIPTS / script), *overrides, f"paths.outputs={tmp_path}"]
            started.append(subprocess.Popen(command, cwd=tmp_path, stdout=file, stderr=file, start_new_session=True))
        return started[-1]

    yield start
    for process in started:
        for pid in session(process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()


def session(leader: int) -> dict[int, str]:
    """The processes that a command has started, and itself; not those that have ended and are unburied."""
    listed = subprocess.run(["ps", "-eo", "pid=,sid=,stat=,args="], capture_output=True, text=True).stdout
    rows = [line.split(None, 3) for line in listed.splitlines()]
    return {int(pid): args for pid, sid, stat, args in rows if int(sid) == leader and not stat.startswith("Z")}


def until(true: Callable[[], object], seconds: float, else_: Callable[[], object] = lambda: "") -> float:
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < seconds, else_()
        time.sleep(0.05)
    return time.monotonic() - began


def histories(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("metrics.jsonl") if path.stat().st_size]


@pytest.mark.parametrize(
    "sweep, children",
    [pytest.param(ONE, 1, id="one worker", marks=pytest.mark.slow), pytest.param(TWO, 2, id="two workers")],
)
def test_workers_of_a_killed_sweep_save_and_stop(
    sweep: tuple[str, ...], children: int, start: Start, tmp_path: Path
) -> None:
    process = start(*sweep, *LONG)
    until(lambda: len(histories(tmp_path)) == children, 120, (tmp_path / "said.txt").read_text)
    assert len(session(process.pid)) == 1 + children
    process.kill()
    process.wait()
    until(lambda: not session(process.pid), LIMIT_S, lambda: session(process.pid))
    manifests = {path.parent: json.loads(path.read_text()) for path in tmp_path.rglob("manifest.json")}
    assert [manifest["status"] for manifest in manifests.values()] == ["interrupted"] * children
    for directory in manifests:
        checkpoint = load_checkpoint(directory / "checkpoints" / "last.ckpt")
        assert len(read_rows(directory / "metrics.jsonl")) == checkpoint["epoch"] + (
            "epoch_under_way" not in checkpoint
        ), "it goes on from where it was"


def test_ranks_of_a_killed_run_stop(start: Start, tmp_path: Path) -> None:
    process = start(*LONG, "trainer=ddp_cpu")
    until(lambda: histories(tmp_path), 120, (tmp_path / "said.txt").read_text)
    assert len(session(process.pid)) == 2
    process.kill()
    process.wait()
    until(lambda: not session(process.pid), LIMIT_S, lambda: session(process.pid))


@pytest.mark.slow
def test_ranks_of_a_killed_sweep_stop(start: Start, tmp_path: Path) -> None:
    process = start(*ONE, *LONG, "trainer=ddp_cpu")
    until(lambda: histories(tmp_path), 120, (tmp_path / "said.txt").read_text)
    assert len(session(process.pid)) == 3
    process.kill()
    process.wait()
    until(lambda: not session(process.pid), LIMIT_S, lambda: session(process.pid))


@pytest.mark.slow
@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM])
def test_processes_of_replicas_stop(signum: signal.Signals, start: Start, tmp_path: Path) -> None:
    process = start(*LONG, "trainer.devices=2", "replicas=bootstrap", "replicas.count=4", "replicas.mode=sequential")
    until(lambda: len(histories(tmp_path)) == 2, 120, (tmp_path / "said.txt").read_text)
    assert len(session(process.pid)) >= 3
    process.send_signal(signum)
    status = process.wait(timeout=30)
    until(lambda: not session(process.pid), LIMIT_S, lambda: session(process.pid))
    assert status == (-9 if signum == signal.SIGKILL else 143)


@pytest.mark.slow
def test_loaders_of_a_killed_job_stop(start: Start, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    (tmp_path / "pictures").mkdir()
    for index in range(120):
        Image.fromarray(draw.integers(0, 255, (9, 9), dtype=np.uint8)).save(tmp_path / "pictures" / f"{index}.png")
    pictures = ("data=image_folder", f"data.path={tmp_path}/pictures", "data.image_size=8", "data.batch_size=16")
    process = start(*ONE, *LONG, *pictures, "data.num_workers=2")
    until(lambda: histories(tmp_path), 120, (tmp_path / "said.txt").read_text)
    assert len(session(process.pid)) >= 4
    process.kill()
    process.wait()
    until(lambda: not session(process.pid), LIMIT_S, lambda: session(process.pid))


@pytest.mark.slow
@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_sweep_of_a_paper_stops_with_its_program(signum: signal.Signals, start: Start, tmp_path: Path) -> None:
    process = start("hinton2006_curves", "trainer.max_epochs=100000", "logger=none", script="reproduce.py")
    until(lambda: list(tmp_path.rglob("manifest.json")), 120, (tmp_path / "said.txt").read_text)
    assert len(session(process.pid)) == 3
    process.send_signal(signum)
    status = process.wait(timeout=60)
    until(lambda: not session(process.pid), LIMIT_S, lambda: session(process.pid))
    assert status == (-9 if signum == signal.SIGKILL else 130)
    said = (tmp_path / "said.txt").read_text().splitlines()
    if signum != signal.SIGKILL:
        assert said[-1] == "interrupted; the same command goes on"


def test_who_was_not_told_to_follow_lives_on(tmp_path: Path) -> None:
    """A run started from a shell that is gone, as with nohup."""
    mark = tmp_path / "alive"
    program = (
        f"import time; from aelab.machines.orphans import follow_named as f; f(); time.sleep(2); open('{mark}', 'w')"
    )
    subprocess.run(["sh", "-c", f'{sys.executable} -c "{program}" &'], check=True, env=dict(os.environ))
    until(mark.exists, 30)
