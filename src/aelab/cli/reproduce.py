"""``scripts/reproduce.py``: which papers' experiments have been run here, and what they found beside the paper."""

from __future__ import annotations

import argparse
import difflib
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from aelab import __version__
from aelab.config.objects import conf_dir
from aelab.errors import UserError
from aelab.machines.orphans import named_parent
from aelab.machines.signals import handing_on
from aelab.reproducing.measured import Measured, measure
from aelab.reproducing.paper import Paper, read_papers, sizes_of
from aelab.reproducing.printing import print_list, print_rows
from aelab.reproducing.recipe import Recipe
from aelab.reproducing.record import keep, read_record
from aelab.reproducing.table import Entry, write_page


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status: 1 where a run failed, or a figure that may fail did."""
    from aelab.config.explain import explain

    parser = argparse.ArgumentParser(
        prog="aelab reproduce",
        description="List the experiments of papers with their state; or run one, and print its figures beside them.",
        epilog="example: aelab reproduce hinton2006_mnist size=paper trainer=gpu",
    )
    parser.add_argument("--version", action="version", version=f"aelab {__version__}")
    parser.add_argument("words", nargs="*", metavar="NAME [size=paper] [key=value ...]", help="an experiment to run")
    parser.add_argument("--table", action="store_true", help="only keep what is under outputs/ and write the table")
    parser.add_argument("--docs", type=Path, default=_docs(), metavar="DIR", help="where reproductions.md is kept")
    chosen = parser.parse_args(argv)
    try:
        papers = read_papers()
        if chosen.words:
            return reproduce(papers, *_understood(chosen.words, papers), chosen.docs)
        if chosen.table:
            _keep_all(papers, chosen.docs)
            print(f"table: {write_table(papers, chosen.docs)}")
        else:
            print_list(_entries(papers, chosen.docs, under_outputs=True))
        return 0
    except KeyboardInterrupt:
        print("interrupted; the same command goes on", file=sys.stderr)
        return 130
    except UserError as problem:
        print(f"reproduce: {problem}", file=sys.stderr)
        return 2
    except Exception as problem:
        if not type(problem).__module__.startswith(("hydra", "omegaconf")):
            raise
        print(f"reproduce: {explain(problem)}", file=sys.stderr)
        return 2


def reproduce(papers: dict[str, Paper], name: str, size: str, overrides: list[str], docs: Path) -> int:
    """Run what is missing of an experiment, keep what its runs found and print it; returns the exit status."""
    recipe = asked = Recipe(name, size)
    if overrides:
        asked = Recipe(name, size, overrides)
        recipe.directory = asked.directory
    words = [f"experiment={name}", *([f"size={size}"] if size != "small" else []), *overrides]
    status = _sweep(words)
    if status < 0 or status > 128:
        raise KeyboardInterrupt
    ours = recipe.holds(asked)
    measured = measure(recipe if ours else asked, papers[name])
    if measured is None:
        return status or 1
    entry = Entry(name, size, papers[name], measured, changed=not ours)
    print_rows(entry)
    if not ours:
        print(f"not kept: with {' '.join(overrides)} these are other runs than the recipe's")
        return 1 if status else 0
    if keep(docs / "reproductions", name, size, measured):
        print(f"table: {write_table(papers, docs)}")
    for row in entry.red:
        print(f"{name}: {row.quantity}: {row.ours}, the paper has {row.paper}: {row.verdict}", file=sys.stderr)
    return 1 if status or entry.red else 0


def _sweep(words: Sequence[str]) -> int:
    """``scripts/train.py -m``; its exit status. What stops this program stops the sweep, in order."""
    command = [sys.executable, "-m", "aelab", "-m", *words]
    with subprocess.Popen(command, env={**os.environ, **named_parent()}) as sweep, handing_on(sweep.send_signal):
        return sweep.wait()


def _entries(papers: dict[str, Paper], docs: Path, under_outputs: bool = False) -> list[Entry]:
    """Every experiment at each of its sizes: as it was kept with the project, or as it has been run under outputs/
    where no fewer of its runs are complete there."""
    entries = []
    for name, paper in papers.items():
        kept = read_record(docs / "reproductions", name)
        for size in sizes_of(name):
            measured = kept.get(size)
            own = _under_outputs(name, size, paper) if under_outputs else None
            yours = own is not None and (measured is None or measured.missing >= own.missing)
            entries.append(Entry(name, size, paper, own if yours else measured, yours=yours))
    return entries


def _keep_all(papers: dict[str, Paper], docs: Path) -> None:
    for entry in _entries(papers, docs, under_outputs=True):
        if entry.measured:
            keep(docs / "reproductions", entry.experiment, entry.size, entry.measured)


def write_table(papers: dict[str, Paper], docs: Path) -> Path:
    """Write what is kept into docs/reproductions.md; measurements of earlier recipes are marked."""
    return write_page(docs / "reproductions.md", map(_beside_recipe, _entries(papers, docs)))


def _beside_recipe(entry: Entry) -> Entry:
    """The same entry, marked where the recipe has other runs by now."""
    if entry.measured is None:
        return entry
    return replace(entry, outdated=set(Recipe(entry.experiment, entry.size).ids()) != set(entry.measured.expected))


def _under_outputs(name: str, size: str, paper: Paper) -> Measured | None:
    usual = Path("outputs") / (name if size == "small" else f"{name}_{size}")
    return measure(Recipe(name, size), paper) if usual.is_dir() else None  # composing takes time


def _understood(words: Sequence[str], papers: dict[str, Paper]) -> tuple[str, str, list[str]]:
    """Name, size and overrides."""
    (name, *more) = [word for word in words if "=" not in word] or [""]
    overrides = [w for w in words if "=" in w]
    if not name or more:
        raise UserError(f"{' '.join(words)}: name one experiment, then key=value")
    if name not in papers:
        near = difflib.get_close_matches(name, papers, n=1)
        if (conf_dir() / "experiment" / f"{name}.yaml").is_file():
            raise UserError(f"{name}: is of no paper; run it with python scripts/train.py -m experiment={name}")
        raise UserError(
            f"{name}: no such experiment{f', did you mean {near[0]}?' if near else ''}; choose {', '.join(papers)}"
        )
    size = next((word.removeprefix("size=") for word in overrides if word.startswith("size=")), "small")
    if size not in sizes_of(name):
        raise UserError(f"size={size}: {name} has {' and '.join(sizes_of(name))}")
    return name, size, [word for word in overrides if not word.startswith("size=")]


def _docs() -> Path:
    """docs/ of the checkout; outputs/ where aelab is installed without one."""
    docs = conf_dir().parent / "docs"
    return docs if docs.is_dir() else Path("outputs")
