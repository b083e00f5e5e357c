"""In a stack each run stops early, and lowers its learning rate, where it would by itself."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from sweeps_twice import check_equal, check_same_state, sweep
from tiny_runs import compose_tiny

from aelab.building.fit import Fit
from aelab.fitting.fit_together import fitted_together
from aelab.fitting.run import RunFailed, RunInterrupted, run
from aelab.runs import checkpoints
from aelab.runs.checkpoints import AtomicCheckpointIO, load_checkpoint
from aelab.runs.history_file import read_rows
from aelab.runs.identity import run_id
from aelab.runs.manifest import read_manifest

OWN = ("trainer.precision=64-true", "data.batch_size=32", "data.train_size=200", "trainer.max_epochs=60")
STOPPING = (*OWN, "callbacks=early_stopping", "callbacks.early_stopping=1", "optimizer.lr=0.05")
PLATEAU = (*OWN, "trainer.max_epochs=30", "scheduler=plateau", "scheduler.patience=0", "+scheduler.threshold=0.01")


def epochs(directory: Path) -> int:
    return len(read_rows(directory / "metrics.jsonl"))


JOBS = [(*STOPPING, f"seed={seed}", f"network.code_size={code}") for seed in (1, 2) for code in (2, 5)]


def test_each_run_of_a_stack_stops_where_it_would_alone(tmp_path: Path) -> None:
    stacked = sweep(tmp_path / "stacked", JOBS, together=True)
    alone = sweep(tmp_path / "alone", JOBS, together=False)
    ends = {name: epochs(directory) for name, directory in alone.items()}
    assert len(set(ends.values())) > 2 and max(ends.values()) < 60, "they stop at different epochs"
    for name, directory in stacked.items():
        record = read_manifest(directory)
        assert record and record["stacked"]["runs"] == len(JOBS) and record["timings"]["attempts"] == 1
        check_equal(directory, alone[name], 1e-10)
        check_same_state(directory, alone[name])


@pytest.mark.parametrize("kill_at", [3, 14, 27])
def test_a_stack_that_is_killed_goes_on_with_runs_at_different_epochs(kill_at: int, tmp_path: Path) -> None:
    """``kill_at``: the checkpoint file, of all runs of the stack, before which SIGKILL comes."""
    configs = [(compose_tiny(tmp_path / "stacked", *job), []) for job in JOBS]
    save = AtomicCheckpointIO.save_checkpoint
    saved = 0

    def killed(self: AtomicCheckpointIO, *args: Any) -> None:
        nonlocal saved
        saved += 1
        if saved == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        save(self, *args)

    pid = os.fork()
    if not pid:
        AtomicCheckpointIO.save_checkpoint = killed  # type: ignore[method-assign]
        checkpoints.SECONDS_BETWEEN = 0.0
        checkpoints.SHARE_OF_TIME = 1e9
        list(fitted_together(configs))
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    stacked = sweep(tmp_path / "stacked", JOBS, together=True)
    for name, alone in sweep(tmp_path / "alone", JOBS, together=False).items():
        check_equal(stacked[name], alone, 1e-10)
        check_same_state(stacked[name], alone)


def test_a_run_that_was_killed_when_it_had_stopped_trains_no_further(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, other = (compose_tiny(tmp_path / place, *JOBS[0]) for place in ("killed", "straight"))
    with monkeypatch.context() as patch:
        patch.setattr(Fit, "test", lambda self: os.kill(os.getpid(), signal.SIGTERM) or time.sleep(0.01) or 1 / 0)
        with pytest.raises((RunInterrupted, RunFailed)):
            run(config, [])
    run(config, [])
    run(other, [])
    one, straight = (tmp_path / place / "runs" / run_id(config) for place in ("killed", "straight"))
    assert read_rows(one / "metrics.jsonl") == read_rows(straight / "metrics.jsonl")
    check_equal(one, straight, 0.0)


def test_one_that_diverges_in_a_stack_that_stops_early_fails_alone(tmp_path: Path) -> None:
    jobs = [JOBS[0], (*JOBS[1], "optimizer.lr=1e300"), JOBS[2]]
    with pytest.raises(RunFailed, match="not finite"):
        sweep(tmp_path / "stacked", jobs, together=True)
    stacked = sweep(tmp_path / "stacked", jobs[::2], together=False)
    for name, alone in sweep(tmp_path / "alone", jobs[::2], together=False).items():
        check_equal(stacked[name], alone, 1e-10)
        check_same_state(stacked[name], alone)
        record = read_manifest(stacked[name])
        assert record and record["stacked"]["runs"] == 3


FALLING = [
    (*PLATEAU, "seed=1"),
    (*PLATEAU, "seed=2", "optimizer.lr=0.02", "network.code_size=2"),
    (*PLATEAU, "seed=3", "replicas=initializations", "replicas.count=2"),
]


def test_each_run_of_a_stack_lowers_its_own_learning_rate(tmp_path: Path) -> None:
    stacked = sweep(tmp_path / "stacked", FALLING, together=True)
    alone = sweep(tmp_path / "alone", FALLING, together=False)
    rates = []
    for name, directory in alone.items():
        record = read_manifest(stacked[name])
        assert record and record["stacked"]["runs"] == 3
        check_equal(stacked[name], directory, 1e-10)
        if record["config"]["replicas"]["name"] == "none":
            check_same_state(stacked[name], directory)
            last = load_checkpoint(directory / "checkpoints" / "last.ckpt")
            rates.append(last["optimizer_states"][0]["param_groups"][0]["lr"])
    assert rates[0] < 0.001 and rates[1] < 0.02 and rates[0] / 0.001 != rates[1] / 0.02, rates
