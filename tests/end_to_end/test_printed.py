"""What is printed and written for others: no terminal obeys a run, no spreadsheet computes one; and where runs lie."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fake_runs import write_run
from tiny_runs import TINY, Composer

import aelab
from aelab.cli.compare import main as compare
from aelab.comparison.groups import write_csv
from aelab.errors import DivergedError, UserError
from aelab.machines import terminal
from aelab.runs.identity import check_place, run_id
from aelab.trained.answers import print_answers

SCRIPTS = Path(__file__).parents[2] / "scripts"
CONTROLS = "".join(map(chr, [*range(32), *range(127, 160), 0x200E, 0x202A, 0x202E, 0x2066, 0x2069, 0x2028, 0xFEFF]))
ESCAPE = f"\x1b]0;title\x07\x1b[2J{CONTROLS}"


def clean(text: str) -> bool:
    return all(letter.isprintable() or letter == "\n" for letter in text)


@pytest.mark.parametrize("kind", [UserError, DivergedError])
def test_no_error_carries_an_escape(kind: type[UserError]) -> None:
    assert str(kind(f"a{ESCAPE}b")).isprintable() and str(kind("a\n  b")) == "a b"
    assert clean(str(terminal.text(f"a{ESCAPE}b")))


def poisoned(node: Any) -> Any:
    if isinstance(node, dict):
        own = {key: poisoned(value) for key, value in node.items()}
        return own | {f"{key}{ESCAPE}": value for key, value in list(own.items())[:2]} if node else own
    return (
        [poisoned(v) for v in node] if isinstance(node, list) else f"{node}{ESCAPE}" if isinstance(node, str) else node
    )


STATUSES = [
    "complete",
    pytest.param(ESCAPE, id="odd", marks=pytest.mark.slow),
    pytest.param("failed", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("status", STATUSES)
def test_no_text_of_a_run_reaches_the_terminal(status: str, tmp_path: Path) -> None:
    for seed in (0, 1):
        directory = write_run(tmp_path / "s" / f"r{seed}", metrics={"test/error": 1.0 + seed}, seed=seed)
        record = poisoned(json.loads((directory / "manifest.json").read_text())) | {"status": status}
        record |= {"error": {"type": ESCAPE, "message": ESCAPE, "trace": ESCAPE}, "overrides": [f"model={ESCAPE}"]}
        record["evaluations"] = {ESCAPE: {"rows": [{"method": ESCAPE, "metric": ESCAPE, "value": 1.0}]}}
        (directory / "manifest.json").write_text(json.dumps(record))
    for program, words in (
        ("compare.py", ["s"]),
        ("compare.py", ["s", "--status"]),
        ("evaluate.py", ["run=s/r0", "evaluation=code_health"]),
        ("export.py", ["run=s/r0", "format=codes"]),
        ("score.py", ["run=s/r0", "path=s"]),
        ("frontier.py", ["s"]),
        ("average.py", ["s", "test/error", "seed"]),
    ):
        done = subprocess.run(
            [sys.executable, str(SCRIPTS / program), *words], capture_output=True, text=True, cwd=tmp_path
        )
        assert clean(done.stdout) and clean(done.stderr) and "Traceback" not in done.stderr, program
    with pytest.raises(UserError) as caught:
        aelab.load_run(tmp_path / "s" / "r0")
    assert str(caught.value).isprintable()


def test_the_tables_of_evaluations_are_clean(capsys: pytest.CaptureFixture[str]) -> None:
    row = {"method": ESCAPE, "metric": f"m{ESCAPE}", "value": 1.0, "setting": 0, "values": {ESCAPE: ESCAPE}}
    print_answers(f"name{ESCAPE}", ESCAPE, {"rows": [row], "facts": {ESCAPE: ESCAPE}}, ESCAPE)
    assert clean(capsys.readouterr().out)


def test_no_cell_of_a_csv_is_a_formula(tmp_path: Path) -> None:
    row = {
        "=a": "=1+1",
        "b": "+1",
        "c": "-1",
        "d": "@x",
        "e": "\tx",
        "f": "\rx",
        "g": -1.5,
        "h": 3,
        "i": None,
        "j": "a=1",
    }
    write_csv([row], tmp_path / "x.csv")
    with (tmp_path / "x.csv").open(newline="") as file:
        heads, cells = csv.reader(file)
    assert heads[0] == "'=a" and cells == ["'=1+1", "'+1", "'-1", "'@x", "'\tx", "' x", "-1.5", "3", "", "a=1"]


def test_no_csv_of_a_comparison_has_a_formula(tmp_path: Path) -> None:
    for seed in (0, 1):
        for code, name in ((8, "=cmd|' /C calc'!A0"), (16, "@SUM(1)")):
            write_run(tmp_path / f"=r{seed}{code}", {"model": {"name": name, "-x": "+y"}, "network.code_size": code},
                      {"=1+1": 2.0, "test/error": -1.0 - seed, "val/error": 1.0}, seed=seed, sweep="+s",
                      run_id=f"-{code}{seed}", curve=[2.0, 1.0])  # fmt: skip
    write_run(tmp_path / "f", status="failed", error="=1+1")
    assert compare([str(tmp_path)]) == 0
    written = list(tmp_path.rglob("*.csv"))
    assert {"comparison.csv", "comparison_over_seeds.csv"} < {path.name for path in written}
    for path in written:
        with path.open(newline="", encoding="utf-8") as file:
            for cell in (cell for line in csv.reader(file) for cell in line):
                number = cell.lstrip("-").replace(".", "").replace("e-", "").isdigit()
                assert number or not cell.startswith(("=", "+", "-", "@", "\t", "\r")), (path.name, cell)


# --- where runs lie ---

OUTSIDE = [
    "sweep=../x", "sweep=/abs", "sweep=a/../../b", "sweep=a/..", "sweep=.", "sweep=''", "sweep=null", "sweep=a//b",
    "sweep=a/", "sweep=' '", 'sweep="a\\tb"', "model.name=../x", "model.name=a/b", "model.name=..", "model.name=''",
    "data.name=/x", "data.name=a/b", "data.name=.", "data.name=null", 'model.name="a\\tb"',
]  # fmt: skip


@pytest.mark.parametrize("override", OUTSIDE)
def test_no_name_leaves_the_folder_of_outputs(override: str, compose: Composer) -> None:
    config = compose()
    key, _, text = override.partition("=")
    value = None if text == "null" else text.strip("'\"").replace("\\t", "\t")
    node, last = (config, "sweep") if key == "sweep" else (config[key.partition(".")[0]], "name")
    node[last] = value
    for asked in (check_place, run_id):
        with pytest.raises(UserError, match=rf"^{key}=.*: would lie outside paths\.outputs"):
            asked(config)


@pytest.mark.parametrize("sweep", ["runs", "a/b", "group/my sweep", 2024, "a..b", "..a", "größe"])
def test_sweeps_may_be_nested(sweep: Any, compose: Composer) -> None:
    config = compose()
    config.sweep = sweep
    check_place(config)


@pytest.mark.parametrize(
    "words", [["sweep=../x"], ["-m", "sweep=../x"], ["-m", "sweep=../x,../y"], ["model.name=../../x"],
              ["-m", "model.name=a/b", "seed=0,1"], ["sweep=''"]],
)  # fmt: skip
def test_nothing_is_created_where_a_name_leads_out(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "outputs").mkdir()
    command = [
        sys.executable,
        str(SCRIPTS / "train.py"),
        *words[:1],
        *TINY,
        f"paths.outputs={tmp_path}/outputs",
        *words[1:],
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    said = done.stderr.splitlines()
    assert len(said) == (2 if words[-1] == "sweep=../x,../y" else 1), done.stderr
    assert all("would lie outside paths.outputs" in line and "full_key" not in line for line in said), done.stderr
    made = [path for path in tmp_path.rglob("*") if path.name not in ("outputs", "runs", "multirun.yaml")]
    assert made == []
