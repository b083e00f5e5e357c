"""Runs side by side: what differs, what they reached over seeds, and what is told of the ones that failed."""

from __future__ import annotations

import csv
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from fake_runs import HOSTILE, MASKING, SPARSE, write_run

from aelab.cli.compare import compare, main
from aelab.comparison.groups import Group, gather, t_interval
from aelab.comparison.runs import find_runs, read_runs
from aelab.comparison.table import all_rows
from aelab.comparison.units import EARLIER
from aelab.comparison.wording import plain, printable
from aelab.errors import UserError
from aelab.objectives import ERRORS

ROOT = Path(__file__).parents[2]


def lines(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([{}, {"network.code_size": 8}], ["network.code_size"]),
        # the weight exists for one model only and has one value there
        ([{}, {"model": SPARSE}], ["model"]),
        ([{}, {"model": SPARSE}, {"model": SPARSE | {"weight": 1}}], ["model", "model.weight"]),
        # a denoising model brings its corruption along
        ([{}, {"model": {"name": "denoising"}, "corruption": MASKING}], ["model"]),
        ([{}, {"corruption": MASKING}, {"corruption": MASKING | {"probability": 0.5}}],
         ["corruption", "corruption.probability"]),
        # a code of another size is told even where it goes with the model
        ([{}, {"model": SPARSE, "network.code_size": 8}], ["model", "network.code_size"]),
        ([{"network.hidden": [64]}, {"network.hidden": [64, 32]}], ["network.hidden"]),
        ([{"corruption": None}, {"corruption": {"name": "none"}}], []),
        ([{"sweep": "a", "force": True, "logger.name": "none", "paths.outputs": "x"}, {}], []),
        ([{"trainer.name": "gpu"}, {"trainer.max_epochs": 5}], ["trainer.max_epochs"]),
        # a key that came later, at the value that changes nothing
        ([{"network.output_activation": "identity"}, {}], []),
        ([{"network.output_activation": "sigmoid"}, {}], ["network.output_activation"]),
        ([{"paper": {"title": "what a recipe cites", "figures": []}}, {}], []),
    ],
)  # fmt: skip
def test_the_swept_keys_are_the_choices_that_differ(
    tmp_path: Path, runs: list[dict[str, Any]], expected: list[str]
) -> None:
    for index, changes in enumerate(runs):
        write_run(tmp_path / f"run-{index:08}", changes, seed=index)
    assert gather([tmp_path]).keys == expected


def test_what_a_person_typed_is_never_hidden(tmp_path: Path) -> None:
    typed = ["model=denoising", "corruption=masking"]
    write_run(tmp_path / "a")
    write_run(tmp_path / "b", {"model": {"name": "denoising"}, "corruption": MASKING}, overrides=typed)
    assert gather([tmp_path]).keys == ["model", "corruption"]


def test_a_path_that_names_the_run_is_no_choice(tmp_path: Path) -> None:
    for name in ("first-00000001", "second-0000002"):
        write_run(tmp_path / name, {"trainer.log": f"outputs/{name}/train.log"})
    assert gather([tmp_path]).keys == []


def test_seeds_are_one_group_with_a_t_interval(tmp_path: Path) -> None:
    for seed, error in enumerate([1.0, 2.0, 3.0]):
        write_run(tmp_path / f"s{seed}", metrics={"test/error": error}, seed=seed)
    write_run(tmp_path / "again", metrics={"test/error": 3.0}, seed=2)
    (group,) = gather([tmp_path]).groups
    found = group.estimate("test/error")
    assert found is not None and found.n == 3 and found.mean == 2.0
    assert found.half == pytest.approx(4.302652729749464 / math.sqrt(3))  # t(0.975, 2) * s / sqrt n, s = 1
    assert all_rows(gather([tmp_path]))[0].cells == ["2.0 ± 2.5", "3", "undercomplete"]


def test_a_single_run_has_the_interval_of_its_own(tmp_path: Path) -> None:
    metrics = {"test/error": 5.0, "test/error_low": 4.0, "test/error_high": 7.0, "test/bias2": 3.0}
    (run,) = read_runs(write_run(tmp_path / "a", metrics=metrics))
    found = Group((run,)).estimate("test/error")
    assert found is not None and (found.low, found.high) == (4.0, 7.0)
    bias2 = Group((run,)).estimate("test/bias2")
    assert bias2 is not None and bias2.half is None


def test_two_way_intervals_are_not_shrunk_by_seeds_that_share_the_test_examples(tmp_path: Path) -> None:
    for seed in (0, 1):
        metrics = {"test/bias2": 3.0 + seed, "test/bias2_low": 2.0 + seed, "test/bias2_high": 5.0 + seed}
        write_run(tmp_path / f"s{seed}", metrics=metrics, seed=seed)
    (group,) = gather([tmp_path]).groups
    found = group.estimate("test/bias2", two_way=True)
    assert found is not None and (found.mean, found.low, found.high) == (3.5, 2.5, 5.5)


def test_intervals_of_less_than_two_numbers_do_not_exist() -> None:
    assert t_interval([1.0]) is None and t_interval([1.0, math.nan]) is None and t_interval([2.0, 2.0]) == 0.0


def test_a_diverged_seed_is_not_swept_under_the_mean(tmp_path: Path) -> None:
    for seed, error in enumerate([1.0, math.nan]):
        write_run(tmp_path / f"s{seed}", metrics={"test/error": error}, seed=seed)
    write_run(tmp_path / "other", {"network.code_size": 8}, {"test/error": 9.0})
    rows = all_rows(gather([tmp_path]))
    assert [row.cells for row in rows] == [["9", "1", "8"], ["nan", "2", "16"]]
    assert [row.best for row in rows] == [True, False]


def test_errors_of_different_kinds_are_never_ranked_together(tmp_path: Path) -> None:
    pca = {"test/pca_error": 7.0}
    for name, code, error in (("squared", 8, 5.0), ("squared", 16, 4.0), ("cross_entropy", 8, 90.0),
                              ("cross_entropy", 16, 80.0)):  # fmt: skip
        changes = {"error": {"name": name}, "network.code_size": code}
        write_run(tmp_path / f"{name}-{code}", changes, {"test/error": error} | pca)
    best = [row.cells for row in all_rows(gather([tmp_path])) if row.best]
    # PCA's error is squared: nothing to set beside a cross-entropy
    assert sorted(best) == [["4", "7", "16"], ["80", "16"]]


def test_a_run_tells_the_unit_of_its_errors(tmp_path: Path) -> None:
    """Runs from before they told it have that of their error's name; a stranger's text is one short printable line."""
    told = {"label": HOSTILE + "x" * 200, "is_squared": True}
    for name, written, label, squared in (
        ("own", {"label": "half the squared error", "is_squared": False}, "half the squared error", False),
        ("own", {"label": "squares", "is_squared": True}, "squares", True),
        ("squared", None, ERRORS["squared"].label, True),
        ("cross_entropy", None, ERRORS["cross_entropy"].label, False),
        ("theirs", None, "theirs error per example", False),
        ("squared", {}, ERRORS["squared"].label, True),
        ("own", told, plain(printable(told["label"]), 100), True),
    ):
        units = {} if written is None else {"units": written}
        folder = write_run(tmp_path / str(len(list(tmp_path.iterdir()))), {"error": {"name": name}}, **units)
        [read] = read_runs(folder)
        assert read.units == (label, squared)
        assert read.units.label.isprintable() and len(read.units.label) <= 100
    for name, known in EARLIER.items():
        assert known == (ERRORS[name].label, ERRORS[name].is_squared)


@pytest.mark.parametrize("units", [[], "nats", {"label": 3}, {"label": ["a"]}, {"is_squared": "yes"}])
def test_units_that_no_run_writes_make_a_row_that_says_so(units: Any, tmp_path: Path) -> None:
    [read] = read_runs(write_run(tmp_path / "a", units=units))
    assert read.status == "unreadable" and "units" in read.failure


def test_the_settings_of_one_fit_are_compared_like_runs(tmp_path: Path) -> None:
    settings = [{"values": {"model.weight": w}, "metrics": {"test/error": 5 - w}} for w in (0.0, 0.1)]
    write_run(tmp_path / "a", {"model": SPARSE}, {"test/error": 4.9}, replicas={"settings": settings})
    comparison = gather([tmp_path])
    assert comparison.keys == ["model.weight"]
    assert [row.cells for row in all_rows(comparison)] == [["4.9", "0.1"], ["5", "0"]]


@pytest.mark.parametrize(
    "content",
    [b"", b'{"status": "comp', b"[1]", b"\xff\xfe", b"[" * 100_000, b'{"config": 3, "metrics": []}'],
)
def test_a_manifest_that_cannot_be_read_is_a_row(tmp_path: Path, content: bytes) -> None:
    write_run(tmp_path / "good", metrics={"test/error": 1.0})
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "manifest.json").write_bytes(content)
    comparison = compare([tmp_path])
    bad = next(run for run in comparison.runs if run.directory.name == "bad")
    assert bad.status in ("unreadable", "unknown")
    assert bad.status == "unknown" or "manifest.json cannot be read" in bad.failure


def test_runs_are_found_at_any_depth_and_once(tmp_path: Path) -> None:
    write_run(tmp_path / "sweep" / "a")
    write_run(tmp_path / "sweep" / "deeper" / "b")
    write_run(tmp_path / "sweep" / "a" / "checkpoints" / "not_a_run")
    assert [run.run_id for run in find_runs([tmp_path, tmp_path / "sweep"])] == ["a", "b"]


def test_the_history_survives_torn_lines_and_resumed_epochs(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", curve=[3.0, 2.0])
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 1, "val/error": 1.5}\nnull\n{"epoch": 2, "val/er')
    (read,) = read_runs(run)
    assert [(row["epoch"], row["val/error"]) for row in read.history()] == [(0, 3.0), (1, 1.5)]
    assert read_runs(write_run(tmp_path / "b"))[0].history() == []


def test_the_csv_has_a_row_for_every_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path / "a", metrics={"test/error": 1.25, "test/fvu": 0.5})
    error = {"type": "ValueError", "message": HOSTILE, "trace": "Traceback"}
    write_run(tmp_path / "b", {"network.code_size": 8}, status="failed", error=error, seed=3)
    compare([tmp_path])
    good, failed = lines(tmp_path / "comparison.csv")
    assert good["run_id"] == "a" and good["test/error"] == "1.25" and good["network.code_size"] == "16"
    assert good["model"] == "undercomplete" and good["directory"] == "a" and good["fit_s"] == "12.5"
    assert failed["status"] == "failed" and failed["seed"] == "3" and failed["test/error"] == ""
    assert failed["failure"].startswith("ValueError: <script>") and "\n" not in failed["failure"]
    printed = capsys.readouterr().out
    assert "failed: ValueError: <script>" in printed and "[red]b[/]" in printed and "\x1b[31m" not in printed
    assert printed.splitlines()[-1] == f"report: {tmp_path / 'report.html'}"
    assert not list(tmp_path.rglob("*.tmp"))


def test_means_over_seeds_have_a_csv_of_their_own(tmp_path: Path) -> None:
    for seed in range(3):
        write_run(tmp_path / f"s{seed}", metrics={"test/error": float(seed)}, seed=seed)
    compare([tmp_path], tmp_path / "elsewhere")
    (row,) = lines(tmp_path / "elsewhere" / "comparison_over_seeds.csv")
    assert row["seeds"] == "3" and row["test/error"] == "1.0"
    assert float(row["test/error ± (95 %)"]) == pytest.approx(2.4841377)


def test_several_sweeps_are_compared_in_the_folder_that_holds_them(tmp_path: Path) -> None:
    write_run(tmp_path / "one" / "a")
    write_run(tmp_path / "two" / "b", {"network.code_size": 8})
    compare([tmp_path / "one", tmp_path / "two"])
    rows = lines(tmp_path / "comparison" / "comparison.csv")
    assert [row["directory"] for row in rows] == ["../one/a", "../two/b"]


def test_mistakes_are_one_line_that_names_the_path(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    missing = tmp_path / "missing"
    assert main([str(missing)]) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"compare: no such directory: {missing}; name one that holds runs, like outputs/demo"
    ]
    assert main([str(tmp_path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err
    with pytest.raises(UserError):
        gather([tmp_path])
    write_run(tmp_path / "a", status="failed", error={"type": "E", "message": "m", "trace": ""})
    (tmp_path / "report.html").mkdir()
    assert main([str(tmp_path)]) == 2 and "--output DIR" in capsys.readouterr().err
    assert main([str(tmp_path), "--output", str(tmp_path / "out"), "wandb=false"]) == 0


def test_the_program_imports_no_torch_and_helps_at_once(tmp_path: Path) -> None:
    write_run(tmp_path / "a", metrics={"test/error": 1.0}, curve=[2.0, 1.0])
    code = (
        "import sys, json; from aelab.cli.compare import main; status = main(sys.argv[1:]);"
        "print(json.dumps([status, [name for name in ('torch', 'pytorch_lightning', 'hydra', 'wandb')"
        " if name in sys.modules]]))"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == [0, []]
    started = time.monotonic()
    command = [sys.executable, str(ROOT / "scripts" / "compare.py"), "--help"]
    helped = subprocess.run(command, env=environment, capture_output=True)
    assert helped.returncode == 0 and b"report.html" in helped.stdout
    assert time.monotonic() - started < 5  # 0.1 s on an idle machine
