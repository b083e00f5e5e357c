"""What a user types and what comes back: exit status, one clear line, and files where they belong."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from aelab.config.objects import conf_dir

ROOT = Path(__file__).parents[2]
HEAVY = {"torch", "pytorch_lightning", "wandb", "sklearn", "matplotlib", "pandas", "scipy", "mlxtend"}


class Result:
    """A finished command: its exit status, its lines and which packages it imported."""

    def __init__(self, *command: str, cwd: Path, **environment: str) -> None:
        done = subprocess.run(
            [sys.executable, "-X", "importtime", *command],
            cwd=cwd,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
        )
        lines = done.stderr.splitlines()
        self.status = done.returncode
        self.out = done.stdout.splitlines()
        self.err = [line for line in lines if not line.startswith("import time:")]
        self.imported = {match[1] for line in lines if (match := re.match(r"import time:.*\|\s+(\w+)$", line))}


def train(tmp_path: Path, *arguments: str) -> Result:
    return Result(str(ROOT / "scripts" / "train.py"), *arguments, cwd=tmp_path)


def test_help_is_quick(tmp_path: Path) -> None:
    result = train(tmp_path, "--help")
    assert result.status == 0 and not result.err
    assert not HEAVY & result.imported
    text = "\n".join(result.out)
    assert "== Configuration groups ==" in text
    choices = " ".join(text.partition("\nmodel: ")[2].partition("\n    the variant")[0].split())
    assert choices.replace("*", "") == ", ".join(sorted(path.stem for path in (conf_dir() / "model").glob("*.yaml")))
    assert re.search(r"network\.hidden=\[256\] +widths, outermost first", text) and "== Sweeps ==" in text
    assert not list(tmp_path.iterdir()), "asking writes nothing"


def test_help_of_score_is_quick(tmp_path: Path) -> None:
    result = Result(str(ROOT / "scripts" / "score.py"), "--help", cwd=tmp_path)
    assert result.status == 0 and not result.err
    assert not HEAVY & result.imported
    assert (
        any(line.startswith("  contributors=null  ") for line in result.out) and "  data.separator=null" in result.out
    )
    assert not [line for line in result.out if "hydra" in line]
    assert not list(tmp_path.iterdir())


def test_every_program_is_a_console_script() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    programs = {
        path.stem for path in (ROOT / "src" / "aelab" / "cli").glob("*.py") if "\ndef main(" in path.read_text()
    }
    assert scripts["aelab"] == "aelab.cli.commands:main"
    for name in programs - {"commands", "doctor"}:
        assert scripts[f"aelab-{name}"] == f"aelab.cli.{name}:main" and (ROOT / "scripts" / f"{name}.py").is_file()


def test_cfg_is_quick(tmp_path: Path) -> None:
    result = train(tmp_path, "--cfg", "job", "model=sparse_l1", "network.code_size=7")
    assert result.status == 0 and not result.err
    assert not HEAVY & result.imported
    assert "name: sparse_l1" in "\n".join(result.out) and "  code_size: 7" in result.out
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "argument, line",
    [
        ("network.code_sise=8", "network.code_sise=8: unknown key, did you mean network.code_size?"),
        ("modle=sparse_l1", "modle=sparse_l1: unknown key, did you mean model?"),
        (
            "model=sparse",
            "model=sparse: no such choice, did you mean k_sparse?; choose one of adversarial, batch",
        ),
        ("model/sub=x", "model/sub=x: unknown key, did you mean model?"),
        ("seed", "seed: not key=value (Error parsing override 'seed'); a value with special characters needs"),
        ("network.hidden=[64", "network.hidden=[64: not key=value (no viable alternative"),
        ("model=k_sparse,denoising", "Ambiguous value for argument 'model=k_sparse,denoising'"),
    ],
)
def test_wrong_argument_is_one_line(tmp_path: Path, argument: str, line: str) -> None:
    result = train(tmp_path, argument)
    assert result.status == 1
    assert not result.out and len(result.err) == 1 and result.err[0].startswith(line), result.err
    assert not HEAVY & result.imported
    assert not list(tmp_path.iterdir())


def test_sweep_with_a_failing_job_from_another_directory(tmp_path: Path) -> None:
    script = Path(sys.executable).parent / "aelab-train"  # the console script, as a user of the wheel has it
    result = Result(
        str(script), "-m", "sweep=three", "data=digits", "logger=none", "network.hidden=[16]",
        "trainer.max_epochs=1", "optimizer=sgd", "optimizer.lr=0.01,1e20,-1,0.02", cwd=tmp_path,
    )  # fmt: skip
    assert result.status == 1
    assert "torch" in result.imported and "wandb" not in result.imported
    sweep = tmp_path / "outputs" / "three"
    assert result.out[-1] == "sweep: outputs/three"
    runs = {path.parent.name: json.loads(path.read_text()) for path in sweep.glob("*/manifest.json")}
    by_rate = {manifest["config"]["optimizer"]["lr"]: manifest for manifest in runs.values()}
    assert {rate: m["status"] for rate, m in by_rate.items()} == {0.01: "complete", 1e20: "failed", 0.02: "complete"}
    assert {path.name for path in sweep.glob("*/")} == {*runs, "figures"}, "the refused one left nothing"
    refused = "optimizer.lr=-1: must be a number above 0, like optimizer.lr=0.001"
    assert [line for line in result.err if "lr=-1" in line] == [refused] * 2
    assert result.err[result.err.index(refused, result.err.index(refused) + 1) - 1].startswith("refused, 1 of")
    failed = by_rate[1e20]["run_id"]
    message = "the error is not finite in epoch 0"
    [told] = [line for line in result.err if message in line]
    assert told.startswith(f"outputs/three/{failed}: failed: {message}")
    assert told.endswith(f"(trace: outputs/three/{failed}/train.log)")
    assert not [line for line in [*result.out, *result.err] if "Traceback" in line or "Warning" in line]
    for name in runs:
        log = (sweep / name / "train.log").read_text()
        assert ("Traceback" in log and message in log) == (name == failed)
        assert (sweep / name / ".hydra" / "overrides.yaml").is_file()
    with (sweep / "comparison.csv").open() as file:
        rows = {row["run_id"]: row for row in csv.DictReader(file)}
    assert {name: row["status"] for name, row in rows.items()} == {n: m["status"] for n, m in runs.items()}
    assert message in rows[failed]["failure"]
    report = (sweep / "report.html").read_text()
    assert message in report and "http://" not in report.replace("http://www.w3.org", "")
    assert [path.name for path in tmp_path.iterdir()] == ["outputs"]
    assert [path.name for path in (tmp_path / "outputs").iterdir()] == ["three"]


def test_wheel_brings_its_configs(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    [wheel] = tmp_path.glob("*.whl")
    unpacked = tmp_path / "unpacked"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(unpacked)
    inside = {str(path.relative_to(unpacked / "aelab" / "conf")) for path in unpacked.glob("aelab/conf/**/*.yaml")}
    assert inside == {str(path.relative_to(conf_dir())) for path in conf_dir().glob("**/*.yaml")}
    sources = {
        str(path.relative_to(ROOT / "src"))
        for path in (ROOT / "src" / "aelab").glob("**/*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert sources <= {str(path.relative_to(unpacked)) for path in unpacked.glob("aelab/**/*")}
    [points] = unpacked.glob("*.dist-info/entry_points.txt")
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert all(f"{name} = {target}" in points.read_text() for name, target in scripts.items())
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    where = "import aelab.config.objects as c; print(c.conf_dir())"
    found = Result("-c", where, cwd=elsewhere, PYTHONPATH=str(unpacked))
    assert found.out == [str(unpacked / "aelab" / "conf")]
    config = Result("-m", "aelab", "--cfg", "job", "model=k_sparse", cwd=elsewhere, PYTHONPATH=str(unpacked))
    assert config.status == 0 and "name: k_sparse" in "\n".join(config.out)
