"""What is best is chosen on validation and reported on test; runs are one task if test data and error agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fake_runs import write_run

from aelab.comparison.choosing import chosen_in_words, criterion
from aelab.comparison.figures.choice import drawings
from aelab.comparison.groups import gather
from aelab.comparison.report.page import write_report
from aelab.comparison.table import all_rows
from aelab.comparison.verdict import verdict
from aelab.errors import UserError


def write(folder: Path, code: int, val: float, test: float, **more: Any) -> None:
    metrics = {"val/error": val, "test/error": test, "test/bias2": 0.75 * test, "test/variance": 0.25 * test}
    write_run(folder / f"code{code}", {"network.code_size": code}, metrics, **more)


def test_order_star_headline_ring_and_report_are_those_of_validation(tmp_path: Path) -> None:
    for code, val, test in ((4, 3.0, 1.0), (8, 2.0, 5.0), (16, 4.0, 4.0)):
        write(tmp_path, code, val, test)
    comparison = gather([tmp_path])
    rows = all_rows(comparison)
    assert [row.cells[-1] for row in rows] == ["8", "4", "16"]
    assert [row.best for row in rows] == [True, False, False]
    assert "Best by val/error: code_size 8. Its test error: 5." in verdict(comparison)
    tradeoff, *_ = drawings(comparison)
    assert "Ringed, in every panel: the best by val/error" in tradeoff.caption
    page = write_report(comparison, [], tmp_path / "report.html").read_text()
    assert "by val/error" in page and "figures are of test" in page


def test_the_ring_stands_at_the_best_of_validation(tmp_path: Path) -> None:
    from aelab.comparison.figures.style import LIGHT

    for code, val, test in ((4, 3.0, 1.0), (8, 2.0, 5.0), (16, 4.0, 4.0)):
        write(tmp_path, code, val, test)
    figure = next(drawings(gather([tmp_path]))).paint(LIGHT, "")
    assert [text.get_text() for text in figure.axes[0].texts if " at " in text.get_text()] == ["5 at 8"]


def test_variants_with_monitors_of_their_own_are_ordered_by_val_error(tmp_path: Path) -> None:
    for code, monitor, loss, error in ((4, "val/loss", 1.0, 3.0), (8, "val/error", 9.0, 2.0)):
        metrics = {"val/loss": loss, "val/error": error, "test/error": error}
        write_run(tmp_path / str(code), {"network.code_size": code}, metrics, monitor=monitor)
    groups = gather([tmp_path]).groups
    assert criterion(groups) == "val/error" and criterion(groups[:1]) == "val/loss"


def test_runs_without_a_validation_error_say_that_test_chose(tmp_path: Path) -> None:
    for code in (4, 8):
        write_run(tmp_path / str(code), {"network.code_size": code}, {"test/error": 1.0 / code})
    comparison = gather([tmp_path])
    assert chosen_in_words(comparison.groups).startswith("test/error, as these runs have no val/error")
    assert all_rows(comparison)[0].cells[-1] == "8"


@pytest.mark.parametrize("fingerprints, labels", [(("aa", "bb"), ["first", "second"]), (("aa", "aa"), [""])])
def test_two_tables_are_one_task_only_if_their_test_parts_are_the_same(
    tmp_path: Path, fingerprints: tuple[str, str], labels: list[str]
) -> None:
    for name, digits, error in zip(("first", "second"), fingerprints, (1.0, 2.0), strict=True):
        for code in (4, 8):
            table = {"_target_": "aelab.data.Table", "name": "table", "path": f"/data/{name}.csv"}
            data = {"shape": [3], "fingerprints": {"test": digits}}
            changes = {"data": table, "network.code_size": code}
            metrics = {"test/error": error * code, "val/error": error * code}
            write_run(tmp_path / f"{name}{code}", changes, metrics, data=data)
    comparison = gather([tmp_path])
    assert list(comparison.problems()) == labels
    assert sum(row.best for row in all_rows(comparison)) == len(labels)
    assert sum(sentence.startswith("Best by") for sentence in verdict(comparison)) == len(labels)


def test_a_sweep_over_training_examples_is_one_task(tmp_path: Path) -> None:
    for size in (100, 200):
        data = {"shape": [3], "fingerprints": {"train": str(size), "test": "aa"}}
        write_run(tmp_path / str(size), {"data.train_size": size}, {"test/error": 1.0 / size}, data=data)
    assert len(gather([tmp_path]).problems()) == 1


def test_another_metric_of_validation_may_choose_and_none_of_test(tmp_path: Path) -> None:
    for code, val, found in ((4, 3.0, 0.9), (8, 2.0, 0.7), (16, 4.0, 0.8)):
        metrics = {"val/error": val, "test/error": val, "retrieval/val_map": found, "retrieval/map": 0.5}
        write_run(tmp_path / f"code{code}", {"network.code_size": code}, metrics)
    comparison = gather([tmp_path], "max:retrieval/val_map")
    assert [row.cells[-1] for row in all_rows(comparison)] == ["4", "16", "8"]
    assert "Best by the highest retrieval/val_map: code_size 4." in " ".join(verdict(comparison))
    assert [row.cells[-1] for row in all_rows(gather([tmp_path], "min:retrieval/val_map"))] == ["8", "16", "4"]
    for wrong, told in (
        ("max:retrieval/map", "retrieval/map is not of the validation part; choose among"),
        ("max:test/error", "test/error is not of the validation part"),
        ("max:retrieval/val_mop", "is in none of these runs; choose among retrieval/val_map, val/error"),
        ("val/error", "best=min:val/error"),
    ):
        with pytest.raises(UserError, match=told):
            gather([tmp_path], wrong)


def test_a_task_without_that_metric_is_chosen_by_the_lowest_val_error(tmp_path: Path) -> None:
    for code, val in ((4, 3.0), (8, 2.0)):
        metrics = {"val/error": val, "test/error": val} | ({"retrieval/val_map": 0.5} if code == 4 else {})
        write_run(tmp_path / f"code{code}", {"network.code_size": code}, metrics)
    comparison = gather([tmp_path], "max:retrieval/val_map")
    assert [row.cells[-1] for row in all_rows(comparison)] == ["8", "4"]
    assert chosen_in_words(comparison.groups) == "val/error"
