"""Bayesian search: what it may draw from, batches, failures, and a search that is killed and goes on."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from tiny_runs import TINY

from aelab.errors import UserError

pytest.importorskip("optuna")

import optuna

from aelab.config.search import Search, distribution

SPACE = ("x=interval(-10,10)", "n=range(1,9)")
Jobs = list[list[str]]


def parsed(*lines: str) -> list[Any]:
    return OverridesParser.create().parse_overrides(list(lines))


def search(folder: Path, *lines: str, n_trials: int = 30, n_jobs: int = 1) -> Search:
    storage = str(folder / "study.journal")
    return Search(parsed(*(lines or SPACE)), n_trials, n_jobs, storage, optuna.samplers.TPESampler, 0)


def bowl(jobs: Jobs) -> list[Any]:
    """Lowest, 0, at x = 3, n = 4."""
    return [SimpleNamespace(return_value=value(job)) for job in jobs]


def value(job: list[str]) -> float:
    given = dict(part.split("=") for part in job)
    return (float(given["x"]) - 3) ** 2 + (int(given["n"]) - 4) ** 2


def recording(jobs: Jobs, launch: Callable[[Jobs], list[Any]] = bowl) -> Callable[[Jobs], list[Any]]:
    def launched(batch: Jobs) -> list[Any]:
        jobs.extend(batch)
        return launch(batch)

    return launched


@pytest.mark.parametrize(
    "line, low, high, step, log",
    [
        ("a=range(2,9)", 2, 8, 1, False),
        ("a=range(2,9,3)", 2, 8, 3, False),
        ("a=range(9,2,-3)", 3, 9, 3, False),
        ("a=range(0.1,0.5,0.1)", 0.1, 0.4, 0.1, False),
        ("a=interval(1,8)", 1.0, 8.0, None, False),
        ("a=int(interval(1,8))", 1, 8, 1, False),
        ("a=tag(log,interval(1e-4,1e-2))", 1e-4, 1e-2, None, True),
        ("a=tag(log,int(interval(2,64)))", 2, 64, 1, True),
    ],
)
def test_ranges_are_hydras(line: str, low: float, high: float, step: float | None, log: bool) -> None:
    override = parsed(line)[0]
    drawn: Any = distribution(override)
    assert (drawn.low, drawn.high, drawn.log) == (low, pytest.approx(high), log)
    assert drawn.step == step
    assert isinstance(drawn, optuna.distributions.IntDistribution) == isinstance(low, int)
    if "range" in line:
        members = sorted(float(number) for number in override.sweep_iterator())
        assert [min(members), max(members)] == pytest.approx([drawn.low, drawn.high]), "as a grid would have it"
        assert len(members) == round((drawn.high - drawn.low) / drawn.step) + 1


def test_choices_are_written_as_on_the_command_line() -> None:
    drawn: Any = distribution(parsed("a=choice([64,32],[16],true,'a b')")[0])
    assert list(drawn.choices) == ["[64,32]", "[16]", "True", r"a\ b"], "as in a grid"


@pytest.mark.parametrize(
    "line, said",
    [
        ("a=range(5,5)", "empty"),
        ("a=interval(3,1)", "lower end"),
        ("a=tag(log,interval(0,1))", "above 0"),
    ],
)
def test_what_cannot_be_searched_is_named(line: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        distribution(parsed(line)[0])
    assert str(caught.value).startswith(line)


def test_nothing_to_search_and_no_trials(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing to search"):
        search(tmp_path, "x=3")
    with pytest.raises(UserError, match="n_trials=0"):
        search(tmp_path, n_trials=0)


def test_it_learns_from_what_it_tried(tmp_path: Path) -> None:
    jobs: Jobs = []
    best = search(tmp_path).run(recording(jobs), tmp_path)
    values = [value(job) for job in jobs]
    assert len(values) == 30
    assert best == min(values)
    assert min(values[10:]) < min(values[:10]) / 4, "the first ten are drawn blindly"
    assert median(values[10:]) < median(values[:10]) / 2


def test_a_killed_search_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    straight: Jobs = []
    (tmp_path / "straight").mkdir()
    search(tmp_path / "straight", n_trials=14).run(recording(straight), tmp_path)
    killed: Jobs = []
    for _ in range(14):

        def dies(batch: Jobs) -> list[Any]:
            if len(killed) % 4 == 0:  # at work on a trial
                raise KeyboardInterrupt
            return bowl(batch)

        try:
            search(tmp_path, n_trials=14).run(recording(killed, dies), tmp_path)
            break
        except KeyboardInterrupt:
            continue
    again = [job for index, job in enumerate(killed) if index == 0 or job != killed[index - 1]]
    assert len(killed) > len(straight), "it did die"
    assert again == straight
    finished: Jobs = []
    search(tmp_path, n_trials=14).run(recording(finished), tmp_path)
    assert finished == [], "its size is the number of trials over all times"
    search(tmp_path, n_trials=16).run(recording(finished), tmp_path)
    assert len(finished) == 2
    assert not [job for job in finished if job in straight]


def test_batches_hold_different_trials(tmp_path: Path) -> None:
    sizes: list[int] = []

    def launch(batch: Jobs) -> list[Any]:
        sizes.append(len(batch))
        assert len({tuple(job) for job in batch}) == len(batch)
        return bowl(batch)

    search(tmp_path, n_trials=10, n_jobs=4).run(launch, tmp_path)
    assert sizes == [4, 4, 2]


def test_a_failing_trial_costs_only_itself(tmp_path: Path) -> None:
    jobs: Jobs = []

    def launch(batch: Jobs) -> list[Any]:
        return [SimpleNamespace(return_value=math.nan if len(jobs) % 2 else value(batch[0]))]

    best = search(tmp_path, n_trials=8).run(recording(jobs, launch), tmp_path)
    assert len(jobs) == 8, "one that failed is not made up for in the same call, or a broken space would never end"
    assert best is not None and math.isfinite(best)
    search(tmp_path, n_trials=8).run(recording(jobs), tmp_path)
    assert len(jobs) == 12, "the next call does"
    assert search(tmp_path / "..", "x=interval(0,1)", n_trials=2).run(
        lambda batch: [SimpleNamespace(return_value=math.nan)], tmp_path
    ) is None  # fmt: skip


def test_other_fixed_settings_are_another_study(tmp_path: Path) -> None:
    names = {
        search(tmp_path, *lines).study.study_name
        for lines in (SPACE, (*SPACE, "y=1"), (*SPACE, "y=2"), (SPACE[0], "n=1,2"), (SPACE[0], "n=1,3"))
    }
    assert len(names) == 5
    wider = search(tmp_path, "n=range(1,99)", SPACE[0]).study.study_name
    assert wider == search(tmp_path).study.study_name


def test_a_search_from_the_command_line(tmp_path: Path) -> None:
    def searched(n_trials: int) -> str:
        command = [
            sys.executable, str(Path(__file__).parents[2] / "scripts" / "train.py"), "-m", *TINY,
            "hydra/sweeper=optuna", f"hydra.sweeper.n_trials={n_trials}", "hydra.sweeper.n_jobs=2",
            "network.code_size=range(2,30)", "optimizer.lr=tag(log,interval(1e-4,1e-2))", f"paths.outputs={tmp_path}",
        ]  # fmt: skip
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=dict(os.environ))
        assert done.returncode == 0, done.stderr
        return done.stdout

    said = searched(3)
    manifests = {path: json.loads(path.read_text()) for path in (tmp_path / "runs").glob("*/manifest.json")}
    assert len(manifests) == 3
    best = min(manifests.values(), key=lambda manifest: manifest["metrics"]["val/error"])
    code_size = best["config"]["network"]["code_size"]
    assert f"best of 3 trials: validation {best['metrics']['val/error']:.4g}  network.code_size={code_size} " in said
    before = {path: path.stat().st_mtime_ns for path in manifests}
    assert "trial 4 of 4" in searched(4)
    now = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").glob("*/manifest.json")}
    assert len(now) == 4
    assert before.items() <= now.items(), "what was run is not run again"
