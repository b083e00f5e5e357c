"""A job that dies costs only itself: real processes that end in every way there is, in every place of a sweep."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from dying import ENVIRONMENT, MODEL
from omegaconf import open_dict
from tiny_runs import TINY, Composer

from aelab.cli.ending import failures
from aelab.errors import UserError
from aelab.fitting.run import run
from aelab.machines.worker import Answer, Died, Done
from aelab.machines.workers import Workers
from aelab.runs.checkpoints import load_checkpoint
from aelab.runs.history_file import read_rows
from aelab.runs.identity import run_id

TRAIN = str(Path(__file__).parents[2] / "scripts" / "train.py")
DYING = str(Path(__file__).parents[1] / "support" / "dying.py")
LAUNCHERS = {"one worker": (), "two workers": ("hydra/launcher=parallel", "hydra.launcher.n_jobs=2")}
SAID = {
    "abort": "its process was ended by SIGABRT",
    "exit0": "its process ended with exit status 0",
    "exit3": "its process ended with exit status 3",
    "segfault": "its process was ended by SIGSEGV",
    "kill": "its process was ended by SIGKILL, perhaps out of memory",
}
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")


def sweep(folder: Path, *overrides: str, script: str = DYING) -> subprocess.CompletedProcess[str]:
    head = [sys.executable, script, *(["-m"] if script == TRAIN else [])]
    return subprocess.run(
        [*head, *TINY, *overrides, f"paths.outputs={folder}"],
        cwd=folder, capture_output=True, text=True, env={**os.environ, **ENVIRONMENT}, timeout=300,
    )  # fmt: skip


def by_end(folder: Path) -> dict[str, dict[str, Any]]:
    found = [json.loads(path.read_text()) for path in folder.glob("runs/*/manifest.json")]
    return {manifest["config"]["model"]["end"]: manifest for manifest in found}


def begun(said: str) -> list[str]:
    """The jobs in the order they were begun."""
    return re.findall(r"\t#\d+ : .*model\.end=(\w+)", said)


@pytest.mark.parametrize("launcher", ["two workers", pytest.param("one worker", marks=pytest.mark.slow)])
def test_every_way_to_die_in_every_place(launcher: str, tmp_path: Path) -> None:
    """First, in the middle, last, beside a neighbour that is at work; and the same command again."""
    ends = ["abort", "late", "exit0", "exit3", "none", "memory", "segfault", "kill"]
    command = (*MODEL, f"+model.end={','.join(ends)}", *LAUNCHERS[launcher])
    done = sweep(tmp_path, *command)
    assert done.returncode == 1, done.stderr
    assert begun(done.stdout) == ends
    assert "8 runs: 2 complete, 6 failed." in done.stdout
    assert done.stdout.splitlines()[-1] == f"sweep: {tmp_path}/runs"
    assert (tmp_path / "runs" / "report.html").exists()
    runs = by_end(tmp_path)
    assert {end for end, run in runs.items() if run["status"] == "complete"} == {"late", "none"}
    for end, message in SAID.items():
        assert (runs[end]["status"], runs[end]["error"]["type"]) == ("failed", "Died")
        assert runs[end]["error"]["message"] == message
        assert f"{runs[end]['run_id']}: died: {message}; the same command tries it again, last" in done.stderr
    assert runs["memory"]["status"] == "failed" and runs["memory"]["error"]["type"] == "MemoryError", "can be told"
    assert done.stderr.splitlines()[-1].startswith("6 of this sweep's runs did not complete: ")

    again = sweep(tmp_path, *command)
    assert again.returncode == 1
    assert begun(again.stdout) == ["late", "none", "memory", *SAID], "who died is tried last"
    assert again.stdout.count("complete already") == 2
    assert "8 runs: 2 complete, 6 failed." in again.stdout
    assert {run["timings"]["attempts"] for end, run in by_end(tmp_path).items() if end in SAID} == {2}


def test_the_command_itself(tmp_path: Path) -> None:
    """scripts/train.py, whose parent has imported nothing: exit status 0 of the first job is no success."""
    done = sweep(tmp_path, *MODEL, "+model.end=exit0,none", script=TRAIN)
    assert done.returncode == 1
    assert {end: run["status"] for end, run in by_end(tmp_path).items()} == {"exit0": "failed", "none": "complete"}


def test_a_stack_that_dies_costs_the_guilty_run_alone(tmp_path: Path) -> None:
    done = sweep(tmp_path, *MODEL, "+model.end=kill", "+model.victim=1", "seed=0,1,2")
    assert done.returncode == 1
    assert "a process with several runs died; each is tried by itself" in done.stderr
    records = [json.loads(path.read_text()) for path in tmp_path.rglob("manifest.json")]
    states = {record["seed"]: (record["status"], bool(record.get("stacked"))) for record in records}
    assert states == {0: ("complete", False), 1: ("failed", False), 2: ("complete", False)}


@pytest.mark.slow
def test_a_death_is_a_failed_trial(tmp_path: Path) -> None:
    """And where all die there is a table of what died."""
    pytest.importorskip("optuna")
    done = sweep(
        tmp_path, *MODEL, "hydra/sweeper=optuna", "hydra.sweeper.n_trials=3", "+model.end=choice(abort)",
        "network.code_size=range(2,30)",
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stdout.count(": failed  ") == 3
    assert "3 runs: 0 complete, 3 failed." in done.stdout or "3 runs: 3 failed." in done.stdout
    assert (tmp_path / "runs" / "report.html").exists()


@pytest.mark.slow
@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_workers_killed_at_random_moments(launcher: str, tmp_path: Path) -> None:
    """Whatever they are at: importing nothing, composing, training, between two jobs. In the end all is as if not."""
    grid = (*MODEL, "+model.end=none", "trainer.max_epochs=6", "seed=range(5)", *LAUNCHERS[launcher])
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    straight.mkdir()
    killed.mkdir()
    assert sweep(straight, *grid).returncode == 0
    process = subprocess.Popen(
        [sys.executable, DYING, *TINY, *grid, f"paths.outputs={killed}"],
        cwd=killed, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **ENVIRONMENT},
    )  # fmt: skip
    assert process.stdout is not None
    pid, kills = int(process.stdout.readline()), 0
    draw = random.Random(int.from_bytes(os.urandom(4)))
    while kills < 4 and process.poll() is None:
        time.sleep(draw.uniform(0.0, 1.0))
        with suppress(IndexError, ProcessLookupError):  # there is none just now
            os.kill(draw.choice(sorted(children(pid))), signal.SIGKILL)
            kills += 1
    said = process.communicate(timeout=120)
    assert process.returncode in (0, 1) and "sweep: " in said[0], said
    assert said[1].count("perhaps out of memory") <= kills
    assert sweep(killed, *grid).returncode == 0, "the same command mends it"
    rows = [
        {path.parent.name: read_rows(path) for path in folder.glob("runs/*/metrics.jsonl")}
        for folder in (straight, killed)
    ]
    assert rows[0].keys() == rows[1].keys() and len(rows[0]) == 5
    for name, straight_rows in rows[0].items():  # the stacks are others after a kill, and so are the last digits
        for one, other in zip(straight_rows, rows[1][name], strict=True):
            assert one == pytest.approx(other, rel=1e-4), name


def children(pid: int) -> set[int]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True).stdout
    return {int(word) for word in listed.split()}


def test_a_job_that_takes_too_long(compose: Composer) -> None:
    """Ends in order with the best it has found; the time counts over all attempts."""
    config = compose("trainer.max_epochs=100000", "trainer.max_time=00:00:00:01")
    before = compose()
    with open_dict(before):
        del before.trainer.max_time
    assert run_id(before) == run_id(compose()), "runs from before there was a limit keep their names"
    run(config, [])
    directory = Path(config.paths.outputs) / config.sweep / run_id(config)
    manifest = json.loads((directory / "manifest.json").read_text())
    assert manifest["status"] == "complete" and manifest["timings"]["fit_s"] < 30
    timer = load_checkpoint(directory / "checkpoints" / "last.ckpt")["callbacks"]["Timer"]
    assert timer["time_elapsed"]["train"] > 0, "a resumed run gets the rest"


# --- workers by themselves ---


def work(job: str) -> Any:
    if job == "pid":
        return os.getpid()
    if job.startswith("exit"):
        os._exit(int(job[4:]))
    if job.startswith("signal"):
        os.kill(os.getpid(), int(job[6:]))
    time.sleep(0.05)
    return job


def done_by(workers: Workers, *jobs: str) -> dict[str, Answer]:
    answers: dict[str, Answer] = {}
    workers.do(jobs, lambda job: None, lambda job, answer: answers.setdefault(job, answer))
    return answers


@pytest.mark.parametrize("count", [1, 3])
def test_workers_are_replaced(count: int) -> None:
    workers = Workers(count, work)
    jobs = [f"exit{status}" for status in range(4)] + ["a", "signal9", "b", "signal11", "signal6", "c"]
    answers = done_by(workers, *jobs)
    assert list(answers) == jobs or count > 1
    assert {job for job, answer in answers.items() if answer == Done(job)} == {"a", "b", "c"}
    died = {job: answer.status for job, answer in answers.items() if isinstance(answer, Died)}
    assert died == {f"exit{status}": status for status in range(4)} | {f"signal{n}": -n for n in (9, 11, 6)}
    workers.end()
    assert not workers.team


def test_a_worker_does_many_jobs() -> None:
    """Also of several calls, as those of a search are: what they import is imported once."""
    workers = Workers(1, work)
    pids = [done_by(workers, "pid")["pid"], done_by(workers, "a", "pid")["pid"]]
    assert pids[0] == pids[1] != Done(os.getpid())
    workers.end()


def test_who_dies_idle_is_replaced_unblamed() -> None:
    workers = Workers(1, work)
    first = done_by(workers, "pid")["pid"]
    assert isinstance(first, Done)
    os.kill(first.result, signal.SIGKILL)
    os.waitid(os.P_PID, first.result, os.WEXITED | os.WNOWAIT)
    assert done_by(workers, "a") == {"a": Done("a")}
    workers.end()


def test_number_of_workers() -> None:
    from aelab.cli.jobs import Jobs

    failures.clear()
    with pytest.raises(UserError, match=r"hydra.launcher.n_jobs=0: must be a whole number of at least 1"):
        Jobs(0, False, None, None, None)  # type: ignore[arg-type]
