"""Runs of a sweep that are fitted in one stack have the results of the same runs, each fitted by itself."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from sweeps_twice import DOUBLE, check_equal, sweep
from tiny_runs import compose_tiny
from variants import SIZES, VARIANTS

from aelab.fitting import stacks
from aelab.fitting.fit_together import fitted_together
from aelab.fitting.run import RunFailed, RunInterrupted, run
from aelab.runs.checkpoints import LastCheckpoint
from aelab.runs.claim import claim
from aelab.runs.identity import run_id
from aelab.runs.manifest import read_manifest


@pytest.mark.parametrize(
    "variant",
    [pytest.param(name, marks=() if name in ("denoising", "top_k") else pytest.mark.slow) for name in VARIANTS],
)
def test_a_stack_of_runs_equals_the_runs(variant: str, tmp_path: Path) -> None:
    own = (f"model={variant}", *SIZES, *DOUBLE)
    jobs = [
        (*own, "seed=1"),
        (*own, "seed=2", "optimizer.lr=0.003"),
        (*own, "seed=1", "replicas=bootstrap", "replicas.count=2"),
    ]
    stacked = sweep(tmp_path / "stacked", jobs, together=True)
    alone = sweep(tmp_path / "alone", jobs, together=False)
    assert stacked.keys() == alone.keys()
    for name, directory in stacked.items():
        record = read_manifest(directory)
        assert record and record["stacked"]["runs"] == 3 and record["stacked"]["models"] == 4, name
        assert record["timings"]["attempts"] == 1
        check_equal(directory, alone[name], 1e-10)


SEVERAL = [
    ("network.code_size=2", "seed=1", "scheduler=cosine"),
    ("network.code_size=4", "seed=2", "scheduler=cosine", "optimizer.lr=0.01"),
    ("network.code_size=3", "seed=1", "scheduler=cosine", "replicas=nested", "replicas.data_sets=2",
     "replicas.initializations=2"),
]  # fmt: skip


def test_code_sizes_and_rates_may_differ(tmp_path: Path) -> None:
    jobs = [(*job, *DOUBLE) for job in SEVERAL]
    stacked = sweep(tmp_path / "stacked", jobs, together=True)
    for name, alone in sweep(tmp_path / "alone", jobs, together=False).items():
        check_equal(stacked[name], alone, 1e-10)


@pytest.mark.parametrize("steps", ["1", "auto"])
def test_what_a_stack_left_half_done_goes_on_alone_or_in_another(
    steps: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [(*job, *DOUBLE, f"trainer.steps_per_execution={steps}", "corruption=gaussian") for job in SEVERAL]
    configs = [(compose_tiny(tmp_path / "stacked", *job), []) for job in jobs]
    with monkeypatch.context() as patch:
        asked = 0
        ends = LastCheckpoint.on_train_batch_end if steps == "1" else LastCheckpoint.on_train_epoch_end

        def interrupted(self: LastCheckpoint, *args: Any) -> None:
            nonlocal asked
            asked += 1
            if asked == (30 if steps == "1" else 2):
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(0.01)
            ends(self, *args)

        patch.setattr(LastCheckpoint, ends.__name__, interrupted)
        with pytest.raises(RunInterrupted):
            list(fitted_together(configs))
    assert {read_manifest(path.parent)["status"] for path in tmp_path.glob("*/*/*/manifest.json")} == {"interrupted"}
    run(configs[0][0], [])  # the first goes on by itself
    stacked = sweep(tmp_path / "stacked", jobs, together=True)
    records = [read_manifest(stacked[run_id(config)]) for config, _ in configs]
    assert [record and record.get("stacked", {}).get("runs") for record in records] == [None, 2, 2]
    assert [record and record["timings"]["attempts"] for record in records] == [2, 2, 2]
    for name, alone in sweep(tmp_path / "alone", jobs, together=False).items():
        check_equal(stacked[name], alone, 1e-10)


def test_one_that_diverges_fails_alone(tmp_path: Path) -> None:
    jobs = [("seed=1", *DOUBLE), ("seed=2", "optimizer.lr=1e300", *DOUBLE), ("seed=3", *DOUBLE)]
    with pytest.raises(RunFailed, match="not finite"):
        sweep(tmp_path / "stacked", jobs, together=True)
    stacked = sweep(tmp_path / "stacked", jobs[::2], together=False)
    for name, alone in sweep(tmp_path / "alone", jobs[::2], together=False).items():
        check_equal(stacked[name], alone, 1e-10)
        record = read_manifest(stacked[name])
        assert record and record["stacked"]["runs"] == 3


def test_what_is_complete_held_or_of_another_kind_is_left(tmp_path: Path) -> None:
    configs = [
        (compose_tiny(tmp_path, "trainer.max_epochs=1", *job), [])
        for job in (("seed=1",), ("seed=2",), ("seed=3",), ("seed=4",), ("network.hidden=[8]",), ("optimizer=lbfgs",))
    ]
    run(configs[0][0], [])
    with claim(tmp_path / "runs" / run_id(configs[1][0])):
        assert list(fitted_together(configs)) == [[1, 2, 3]]
    assert not (tmp_path / "runs" / run_id(configs[1][0]) / "checkpoints").exists()
    assert all((tmp_path / "runs" / run_id(config) / "checkpoints").is_dir() for config, _ in configs[2:4])


def test_why_runs_are_fitted_one_by_one_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stacks, "_told", set())
    for model in ("undercomplete", "sparse_l1"):
        jobs = [(f"model={model}", "optimizer=lbfgs", f"seed={seed}") for seed in (1, 2)]
        jobs += [("callbacks=early_stopping", "+trainer.min_epochs=2", f"seed={seed}") for seed in (1, 2)]
        assert not list(fitted_together([(compose_tiny(tmp_path, *job), []) for job in jobs]))
    assert capsys.readouterr().out.splitlines() == [
        "one by one, not in a stack: optimizer LBFGS mixes parameters, and so would mix replicas",
        "one by one, not in a stack: trainer.min_epochs=2 lets early stopping stop one model at a time",
    ]


@pytest.mark.parametrize("optimizer", ["ASGD", "Rprop"])
def test_rates_of_optimizers_whose_step_is_not_in_proportion_do_not_differ_in_a_stack(
    optimizer: str, tmp_path: Path
) -> None:
    own = ("optimizer=sgd", f"optimizer._target_=torch.optim.{optimizer}", "~optimizer.momentum", "~optimizer.fused")
    own = (*own, *(("~optimizer.weight_decay",) if optimizer == "Rprop" else ()), *DOUBLE)
    jobs = [(*own, f"optimizer.lr={lr}", f"seed={seed}") for lr in (0.01, 0.001) for seed in (1, 2)]
    assert list(fitted_together([(compose_tiny(tmp_path, *job), []) for job in jobs])) == [[0, 1], [2, 3]]
