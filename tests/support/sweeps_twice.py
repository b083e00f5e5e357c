"""The same runs twice, fitted together and each by itself, and whether they are the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_runs import compose_tiny

from aelab.building.once import sharing
from aelab.fitting.fit_together import fitted_together
from aelab.fitting.run import run
from aelab.runs.checkpoints import load_checkpoint
from aelab.runs.history_file import read_rows
from aelab.runs.identity import run_id
from aelab.runs.manifest import read_manifest

EPOCH = {"last", "history"}  # callbacks that a stack has none of
DOUBLE = ("trainer.precision=64-true", "data.batch_size=64", "trainer.max_epochs=3")


def sweep(outputs: Path, jobs: Sequence[Sequence[str]], together: bool) -> dict[str, Path]:
    """Do the jobs, as the launcher does them; the directories of their runs."""
    configs = [compose_tiny(outputs, *job) for job in jobs]
    stacked: list[int] = []
    if together:
        with sharing():
            for numbers in fitted_together([(config, []) for config in configs]):
                stacked += numbers
                for number in numbers:
                    run(configs[number], [])
    for number in set(range(len(jobs))) - set(stacked):
        run(configs[number], [])
    return {run_id(config): outputs / config.sweep / run_id(config) for config in configs}


def check_equal(stacked: Path, alone: Path, tolerance: float) -> None:
    """Metrics, the history, the number of epochs and the checkpoint's place are those of the run alone."""
    one, other = read_manifest(stacked), read_manifest(alone)
    assert one and other and one["status"] == other["status"] == "complete"
    assert one["metrics"].keys() == other["metrics"].keys()
    for name, value in other["metrics"].items():
        assert one["metrics"][name] == pytest.approx(value, rel=tolerance, abs=tolerance, nan_ok=True), name
    rows = [read_rows(path / "metrics.jsonl") for path in (stacked, alone)]
    assert [row.keys() for row in rows[0]] == [row.keys() for row in rows[1]]
    for mine, theirs in zip(*rows, strict=True):
        for name, value in theirs.items():  # written in single precision
            assert mine[name] == pytest.approx(value, rel=max(tolerance, 2e-7), abs=1e-12, nan_ok=True), name


def check_same_state(stacked: Path, alone: Path) -> None:
    """The checkpoints are those of the run alone: weights, optimiser, schedules and what early stopping knows."""
    for name in ("last.ckpt", "best.ckpt"):
        mine, theirs = (load_checkpoint(path / "checkpoints" / name) for path in (stacked, alone))
        if name == "last.ckpt":
            assert mine["callbacks"].keys() == {key for key in theirs["callbacks"] if theirs["callbacks"][key]} - EPOCH
        for key in ("epoch", "global_step", "state_dict", "optimizer_states", "lr_schedulers", "callbacks"):
            if key in mine and (name == "last.ckpt" or key in ("epoch", "global_step", "state_dict")):
                check_close(mine[key], theirs[key], f"{name} {key}")


def check_close(mine: Any, theirs: Any, where: str) -> None:
    if isinstance(theirs, Mapping):
        for key in mine:
            check_close(mine[key], theirs[key], f"{where} {key}")
        assert mine.keys() <= theirs.keys(), where
    elif isinstance(theirs, list | tuple):
        assert len(mine) == len(theirs), where
        for number, (one, other) in enumerate(zip(mine, theirs, strict=True)):
            check_close(one, other, f"{where} {number}")
    elif isinstance(theirs, torch.Tensor):
        tolerance = 1e-10 if theirs.dtype == torch.float64 else 3e-7
        torch.testing.assert_close(mine.to(theirs), theirs, rtol=tolerance, atol=tolerance, msg=where)
    elif isinstance(theirs, float):
        assert mine == pytest.approx(theirs, rel=1e-10, nan_ok=True), where
    elif not isinstance(theirs, str):
        assert mine == theirs, where
