"""The benchmark's arithmetic; its figures are for people, not for tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aelab.benchmarks import anomaly, anomaly_side_by_side, main
from aelab.benchmarks.timing import Case, measure


def returns(*seconds: float) -> Callable[[], float]:
    values = iter(seconds)
    return lambda: next(values)


def test_medians_and_ratios_are_taken_round_by_round_after_a_warm_up() -> None:
    cases = [Case("a", returns(99, 1, 2, 10)), Case("b", returns(99, 2, 6, 10), ("a",))]
    a, b = measure("group", cases, rounds=3)
    assert a == {"name": "group: a", "median_s": 2, "ratio": None, "against": None, "n": 3}
    assert b == {"name": "group: b", "median_s": 6, "ratio": 2, "against": "a", "n": 3}


def test_groups_measured_apart_share_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "PATH", tmp_path / "outputs" / "benchmark.json")
    row = {"name": "net: ours", "median_s": 0.5, "ratio": None, "against": None, "n": 1}
    for group, seconds in (("training", 1.0), ("startup", 2.0), ("training", 3.0)):
        main.save(group, [{**row, "median_s": seconds}])
    saved = json.loads(main.PATH.read_text())
    assert [(each["name"], each["median_s"]) for each in saved] == [("startup net: ours", 2), ("training net: ours", 3)]


@pytest.mark.parametrize(("seconds", "text"), [(2.5, "2.5 s"), (0.0123, "12.3 ms"), (45e-6, "45 µs")])
def test_durations_are_read_at_a_glance(seconds: float, text: str) -> None:
    assert main.duration(seconds) == text


def test_without_tables_nothing_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(anomaly, "TABLES", tmp_path)
    assert anomaly.benchmark(1) == [] and "no tables in" in capsys.readouterr().out


def test_differences_over_splits_have_t_intervals() -> None:
    row = anomaly_side_by_side._row("mean", "ours minus PCA", np.array([0.1, 0.2, 0.3]))
    assert (row["auroc"], row["n"]) == (pytest.approx(0.2), 3)
    assert row["high"] - row["auroc"] == pytest.approx(4.302653 * 0.1 / 3**0.5)
