"""Each run of a stack is shown in W&B while the stack trains, and its W&B run ends as that of a run by itself."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import wandb
from stand_in_wandb import StandInServer
from sweeps_twice import sweep
from test_wandb_server import ONLINE, server  # noqa: F401
from tiny_runs import compose_tiny
from wandb_log import read_log

from aelab.building.stack_files import StackHistory
from aelab.fitting import watched
from aelab.fitting.fit_together import fitted_together
from aelab.fitting.run import RunFailed, RunInterrupted
from aelab.runs.history_file import read_rows
from aelab.runs.identity import run_id
from aelab.runs.manifest import read_manifest
from aelab.tracking import handed_on, wandb_client, wandb_run
from aelab.tracking.naming import columns, display_name

JOBS = [("seed=1",), ("seed=2", "network.code_size=3"), ("seed=1", "replicas=bootstrap", "replicas.count=2")]
OFFLINE = ("logger=wandb", "logger.mode=offline", "callbacks.pictures_every=1")


def after_epoch(patch: pytest.MonkeyPatch, epoch: int, happens: Callable[[], object]) -> None:
    """Let something happen when the stack has written the rows of an epoch."""
    ends = StackHistory.on_train_epoch_end

    def and_more(self: StackHistory, trainer: Any, module: Any) -> None:
        ends(self, trainer, module)
        if trainer.current_epoch == epoch:
            happens()

    patch.setattr(StackHistory, "on_train_epoch_end", and_more)


def opened(patch: pytest.MonkeyPatch) -> list[str]:
    """Which W&B runs are opened from now on."""
    names: list[str] = []
    open_run = wandb_run.open_run

    def counted(*args: Any, **kwargs: Any) -> Any:
        names.append(kwargs["id"])
        return open_run(*args, **kwargs)

    patch.setattr(wandb_run, "open_run", counted)
    return names


def log_of(outputs: Path, name: str) -> Any:
    [file] = outputs.glob(f"wandb/offline-run-*-{name}/*.wandb")
    return read_log(file)


def check_log(directory: Path, history: list[dict[str, Any]], summary: dict[str, Any]) -> None:
    """W&B has each row of the history once, the pictures and the final metrics."""
    rows = read_rows(directory / "metrics.jsonl")
    told = [row for row in history if "val/error" in row]
    assert [row["epoch"] for row in told] == [row["epoch"] for row in rows]
    assert [row["val/error"] for row in told] == [row["val/error"] for row in rows]
    record = read_manifest(directory)
    assert record and record["status"] == "complete"
    assert {name: summary.get(name) for name in record["metrics"]} == record["metrics"]


def test_offline_each_run_has_its_own_and_ends_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = opened(monkeypatch)
    seen: list[int] = []
    after_epoch(monkeypatch, 0, lambda: seen.append(len(names)))
    for name, directory in sweep(tmp_path, [(*job, *OFFLINE) for job in JOBS], together=True).items():
        log = log_of(tmp_path, name)
        check_log(directory, log.history, log.summary)
        assert log.exit_code == 0
        record = read_manifest(directory)
        assert record and record["stacked"]["runs"] == 3
        alone = record["config"]["replicas"]["name"] == "none"
        shown = [row["epoch"] for row in log.history if "pictures/reconstructions" in row]
        assert shown == ([0, 1, 2] if alone else [2]), "of each epoch, and of the end"
    assert seen == [3] and len(names) == 3, "open from the first epoch on, and opened once"
    assert not handed_on._handed_on and wandb.run is None


def test_online_rows_arrive_while_the_stack_trains(
    server: StandInServer,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arrived: list[int] = []

    def wait_for_rows() -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            arrived[:] = [sum("val/error" in row for row in one.history) for one in list(server.runs.values())]
            if len(arrived) == 3 and all(arrived):
                return
            time.sleep(0.1)

    after_epoch(monkeypatch, 1, wait_for_rows)
    jobs = [(*job, *ONLINE, "logger.finish_timeout=30", "trainer.max_epochs=3") for job in JOBS]
    found = sweep(tmp_path, jobs, together=True)
    assert len(arrived) == 3 and all(0 < count <= 2 for count in arrived), "before the third epoch"
    assert len(server.runs) == 3
    for name, directory in found.items():
        [one] = [one for one in server.runs.values() if one.name == name]
        check_log(directory, one.history, one.summary)
        record = read_manifest(directory)
        assert record and one.exit_code == 0
        assert one.values() == columns(record["config"])
        assert one.fields["displayName"] == display_name(record["config"], record["overrides"])


def test_a_stack_that_is_interrupted_marks_all_and_goes_on_where_they_were(
    server: StandInServer,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    jobs = [(*job, *ONLINE, "logger.finish_timeout=30", "trainer.max_epochs=5") for job in JOBS]
    with monkeypatch.context() as patch, pytest.raises(RunInterrupted):
        after_epoch(patch, 2, lambda: os.kill(os.getpid(), signal.SIGTERM))
        began = time.monotonic()
        list(fitted_together([(compose_tiny(tmp_path, *job), []) for job in jobs]))
    assert time.monotonic() - began < 60
    assert [one.exit_code for one in server.runs.values()] == [wandb_client.INTERRUPTED] * 3
    assert all([row["epoch"] for row in one.history] == [0, 1, 2] for one in server.runs.values())
    for name, directory in sweep(tmp_path, jobs, together=True).items():
        [one] = [one for one in server.runs.values() if one.name == name]
        check_log(directory, one.history, one.summary)
        assert one.exit_code == 0
        assert [row["_step"] for row in one.history] == list(range(len(one.history)))


def test_one_that_diverges_is_failed_there_and_the_others_are_not(tmp_path: Path) -> None:
    jobs = [("seed=1", *OFFLINE), ("seed=2", "optimizer.lr=1e300", *OFFLINE), ("seed=3", *OFFLINE)]
    with pytest.raises(RunFailed, match="not finite"):
        sweep(tmp_path, jobs, together=True)
    failed = run_id(compose_tiny(tmp_path, *jobs[1]))
    assert log_of(tmp_path, failed).exit_code == 1
    for name, directory in sweep(tmp_path, jobs[::2], together=False).items():
        log = log_of(tmp_path, name)
        check_log(directory, log.history, log.summary)
        assert log.exit_code == 0


def test_a_stack_that_fails_leaves_each_run_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        after_epoch(patch, 1, lambda: 1 / 0)
        found = sweep(tmp_path, [(*job, *OFFLINE, "trainer.max_epochs=4") for job in JOBS], together=True)
    for name, directory in found.items():
        log = log_of(tmp_path, name)
        check_log(directory, log.history, log.summary)
        assert log.exit_code == 0
    assert not handed_on._handed_on


def test_runs_that_stop_early_are_whole(tmp_path: Path) -> None:
    stopping = ("callbacks=early_stopping", "callbacks.early_stopping=1", "optimizer.lr=0.05", "data.train_size=200")
    jobs = [(*OFFLINE, *stopping, "trainer.max_epochs=60", f"seed={seed}") for seed in (1, 2, 3)]
    ends = set()
    for name, directory in sweep(tmp_path, jobs, together=True).items():
        log = log_of(tmp_path, name)
        check_log(directory, log.history, log.summary)
        assert log.exit_code == 0
        ends.add(len(log.history))
    assert len(ends) > 1


def test_a_stack_that_is_killed_has_one_history_each(tmp_path: Path) -> None:
    jobs = [(*job, *OFFLINE, "trainer.max_epochs=6") for job in JOBS]
    pid = os.fork()
    if not pid:
        with pytest.MonkeyPatch.context() as patch:
            after_epoch(patch, 3, lambda: os.kill(os.getpid(), signal.SIGKILL))
            list(fitted_together([(compose_tiny(tmp_path, *job), []) for job in jobs]))
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    assert len(list(tmp_path.glob("wandb/offline-run-*/*.wandb"))) == 3
    for name, directory in sweep(tmp_path, jobs, together=True).items():
        log = log_of(tmp_path, name)
        check_log(directory, log.history, log.summary)


def test_more_than_are_open_at_a_time_are_shown_when_they_are_fitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(watched, "MOST", 2)
    for name, directory in sweep(tmp_path, [(*job, *OFFLINE) for job in JOBS], together=True).items():
        log = log_of(tmp_path, name)
        check_log(directory, log.history, log.summary)
    assert "W&B shows 2 runs of this stack as they train, 1 when it is fitted" in capsys.readouterr().out


@pytest.mark.slow
def test_an_outage_costs_a_stack_no_more_than_one_timeout_and_loses_nothing(
    server: StandInServer,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    jobs = [(*ONLINE, "logger.finish_timeout=20", f"seed={seed}") for seed in range(6)]
    with monkeypatch.context() as patch:
        after_epoch(patch, 0, server.stop)
        began = time.monotonic()
        found = sweep(tmp_path, jobs, together=True)
        took = time.monotonic() - began
    for directory in found.values():
        record = read_manifest(directory)
        assert record and record["status"] == "complete"
        [file] = tmp_path.glob(f"wandb/*run-*-{directory.name}/*.wandb")
        assert [row["epoch"] for row in read_log(file).history if "val/error" in row] == [0, 1]
    assert took < 100, "not six times twenty seconds"
    server.start()
