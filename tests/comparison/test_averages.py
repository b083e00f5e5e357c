"""Means over a swept key, beside baselines."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
from fake_runs import write_run
from scipy.stats import t

average = runpy.run_path(str(Path(__file__).parents[2] / "scripts" / "average.py"))["main"]


def test_means_and_paired_differences(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own, pca = [0.9, 0.8, 0.95], [0.8, 0.75, 0.8]
    for number, (a, b) in enumerate(zip(own, pca, strict=True)):
        metrics = {"test/error": 1.0, "x/auroc": a, "x/auroc_pca": b}
        write_run(tmp_path / f"run{number}", {"data.one_class": number}, metrics)
    assert average([str(tmp_path), "x/auroc", "data.one_class"]) == 0
    heading, mine, other = capsys.readouterr().out.splitlines()
    assert heading == "x/auroc, mean over 3 values of data.one_class"
    assert mine.split() == ["own", f"{np.mean(own):.4f}"]
    apart = np.subtract(own, pca)
    half = t(2).ppf(0.975) * apart.std(ddof=1) / np.sqrt(3)
    assert other.split() == f"pca {np.mean(pca):.4f} own minus it {apart.mean():+.4f} ± {half:.4f}".split()


@pytest.mark.parametrize(
    "arguments, line",
    [
        (("x/auroc", "data.two_class"), "data.two_class: not swept over in"),
        (("x/map", "data.one_class"), "x/map: missing in 2 of 2 configurations"),
        (("x/auroc",), "name a sweep's directory, a metric and a swept key"),
    ],
)
def test_what_is_not_there_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], line: str
) -> None:
    for number in range(2):
        write_run(tmp_path / f"run{number}", {"data.one_class": number}, {"test/error": 1.0, "x/auroc": 0.5})
    assert average([str(tmp_path), *arguments]) == 2
    assert line in capsys.readouterr().err
