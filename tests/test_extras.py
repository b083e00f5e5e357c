"""What is not installed is asked for by the name of its extra, ``aelab[images]``, never by that of a package."""

from __future__ import annotations

import ast
import importlib
import re
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from aelab.config.explain import explain
from aelab.data.files.images import lacks
from aelab.data.tables.arrow_file import ArrowFile
from aelab.data.tables.excel_file import ExcelFile
from aelab.data.tables.format import Format
from aelab.errors import UserError
from aelab.evaluation.measures.fidelity import require_pictures
from aelab.evaluation.protocol import Examples, Part
from aelab.trained import export, table_out

ROOT = Path(__file__).parents[1]
EXTRAS = {
    "pyarrow": "parquet",
    "openpyxl": "excel",
    "wandb_workspaces": "report",
    "optuna": "optuna",
    "skimage": "images",
    "pillow_heif": "heic",
    "rdkit": "molecules",
    "sentencepiece": "text",
    "sacrebleu": "text",
    "onnx": "onnx",
    "onnxruntime": "onnx",
    "onnxscript": "onnx",
    "submitit": "slurm",
    "ray": "ray",
}
OWN = {"aelab", "hydra_plugins", "__main__", "IPython"}  # IPython: only where a notebook has begun it
BENCHMARKS = {"pyod", "pythae"}  # of benchmarks only, in an environment that `make benchmark-peers` makes


def _imported(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names)


def _names(requirements: list[str]) -> set[str]:
    return {re.split(r"[^A-Za-z0-9_.-]", name)[0].lower().replace("-", "_") for name in requirements}


def test_whatever_is_imported_is_a_dependency_or_belongs_to_an_extra() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    always = _names(project["dependencies"]) | {
        "hydra",
        "omegaconf",
        "sklearn",
        "pil",
        "yaml",
        "scipy",
        "lightning_utilities",
        "threadpoolctl",
    }
    found = set().union(*(_imported(file) for file in (ROOT / "src").rglob("*.py")))
    assert {name for name in found if name.lower() not in always} - OWN - BENCHMARKS <= set(EXTRAS)
    assert set(EXTRAS.values()) <= set(project["optional-dependencies"])


def _raised(act: Callable[[], object]) -> str:
    with pytest.raises(UserError) as caught:
        act()
    return str(caught.value)


def _pictures() -> object:
    part = Part(np.full((4, 64), 0.5, np.float32), None)
    return require_pictures(Examples(part, part, part, (1, 8, 8), "digits"))


LAUNCHER = "Could not load "
LACKING: dict[str, Callable[[Path], str]] = {
    "pyarrow": lambda path: _raised(lambda: ArrowFile(path / "a.parquet", Format())),
    "openpyxl": lambda path: _raised(lambda: ExcelFile(path / "a.xlsx", Format())),
    "skimage": lambda path: _raised(_pictures),
    "pillow_heif": lambda path: str(lacks("a.heic")),
    "onnxscript": lambda path: _raised(
        lambda: export._write_onnx(torch.nn.Identity(), torch.zeros(2, 3), path / "a.onnx", ("x", "y"), "")
    ),
    "onnxruntime": lambda path: _raised(lambda: export._read_onnx(path / "a.onnx")),
    "ray": lambda path: explain(Exception("In 'hydra/launcher/ray': Could not load 'hydra/launcher/ray'")),
    "submitit": lambda path: explain(
        Exception("In 'hydra/launcher/slurm': Could not load 'hydra/launcher/packed_slurm'")
    ),
}


@pytest.mark.parametrize("module", LACKING)
def test_what_lacks_is_named_by_its_extra(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    told = LACKING[module](tmp_path)
    assert f"aelab[{EXTRAS[module]}]" in told and "\n" not in told
    assert not re.search(r"pip install (?![\"']?aelab\[)", told)


def test_scores_in_parquet_and_a_search_name_their_extras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    assert "aelab[parquet]" in _raised(lambda: table_out._Parquet(tmp_path / "a.parquet"))
    monkeypatch.setitem(sys.modules, "optuna", None)
    monkeypatch.delitem(sys.modules, "aelab.config.search", raising=False)
    assert "aelab[optuna]" in _raised(lambda: importlib.import_module("aelab.config.search"))


def test_no_message_names_a_package_that_an_extra_brings() -> None:
    packages = "pyarrow|openpyxl|wandb-workspaces|optuna|scikit-image|pillow-heif|onnx|onnxruntime|onnxscript|ray"
    for file in (ROOT / "src").rglob("*.py"):
        assert not re.search(rf"pip install [\"']?({packages})\b", file.read_text()), file


def test_a_frame_of_arrow_is_read_where_it_is_installed(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    pd.DataFrame({"a": [1.0]}).to_parquet(tmp_path / "a.parquet")
    assert ArrowFile(tmp_path / "a.parquet", Format()).names == ["a"]
