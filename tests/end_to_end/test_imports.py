"""Imports run downwards: no folder imports one that imports it, and each layer knows only those below it."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aelab

ROOT = Path(aelab.__file__).parent

LAYERS = (
    {"cli", "api", "benchmarks", "sklearn", "__main__", "__init__"},
    {"fitting", "comparison", "reproducing"},
    {"trained", "pretraining"},
    {"building"},
    {"tracking"},
    {"runs", "replicas"},
    {"models", "data"},
    {"networks", "objectives", "evaluation", "optimization"},
    {"config"},
    {"machines"},
    {"errors"},
)
"""From the top down. What stands in one layer does not import each other, but where ``BESIDE`` says so."""

BESIDE = {
    ("reproducing", "comparison"),
    ("networks", "objectives"),
    ("networks", "evaluation"),
    ("evaluation", "objectives"),
    ("benchmarks", "sklearn"),
    ("__main__", "cli"),
    ("__init__", "api"),
    ("cli", "__init__"),
}
"""One direction within a layer."""

STRANGERS = {
    "objectives": {"pytorch_lightning", "hydra", "omegaconf", "wandb"},
    "evaluation": {"pytorch_lightning", "hydra", "omegaconf", "wandb"},
    "models": {"wandb", "hydra", "omegaconf"},
    "comparison": {"torch", "pytorch_lightning"},
}
"""Packages that a folder never names."""


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def folder(parts: tuple[str, ...]) -> str:
    return parts[0].removesuffix(".py")


def found() -> dict[tuple[str, str], set[str]]:
    """(folder, what it imports) -> the files that do: folders of aelab by their name, packages in full."""
    edges: dict[tuple[str, str], set[str]] = {}
    for path in sorted(ROOT.rglob("*.py")):
        own = folder(path.relative_to(ROOT).parts)
        for name in imports(path):
            top, *rest = name.split(".")
            target = (rest[0] if rest else "__init__") if top == "aelab" else f"{top}."
            if target != own:
                edges.setdefault((own, target), set()).add(str(path.relative_to(ROOT)))
    return edges


def test_every_folder_has_a_layer() -> None:
    there = {folder(path.relative_to(ROOT).parts) for path in ROOT.rglob("*.py")}
    assert there == set().union(*LAYERS)


def test_imports_run_downwards() -> None:
    height = {name: len(LAYERS) - index for index, layer in enumerate(LAYERS) for name in layer}
    wrong = {
        edge: files
        for edge, files in found().items()
        if not edge[1].endswith(".") and height[edge[0]] <= height[edge[1]] and edge not in BESIDE
    }
    assert not wrong


def test_no_folder_names_what_it_must_not_know() -> None:
    named = {(own, target.removesuffix(".")) for own, target in found() if target.endswith(".")}
    assert not {(own, name) for own, names in STRANGERS.items() for name in names} & named


def test_a_plain_run_imports_nothing_that_it_does_not_use(tmp_path: Path) -> None:
    """Scikit-learn, and pandas which it imports, take a second; who needs them imports them where they are used."""
    program = f"""
import sys
from tiny_runs import TINY
sys.argv = ["train.py", *TINY, "trainer.max_epochs=1", "paths.outputs='{tmp_path}'"]
from aelab.cli.train import train
assert train() == 0
heavy = ("sklearn", "pandas", "wandb", "rdkit", "tokenizers", "onnx")
print("imported:", [name for name in heavy if name in sys.modules])
"""
    support = Path(__file__).parents[1] / "support"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(support)!r})\n{program}"],
        capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1:] == ["imported: []"], done.stdout + done.stderr
