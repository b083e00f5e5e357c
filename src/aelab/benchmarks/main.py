"""Runs groups of measurements, prints their table and writes outputs/benchmark.json."""

from __future__ import annotations

import argparse
import importlib
import json
import os
from pathlib import Path

import torch
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from aelab.benchmarks.timing import Row
from aelab.machines.quiet import quiet

GROUPS = ("training", "contractive", "replicas", "decomposition", "startup", "sweeps", "load", "anomaly", "pictures")
ROUNDS = 7
PATH = Path("outputs", "benchmark.json")


def main() -> None:
    parser = argparse.ArgumentParser(description="CPU time on one thread, medians of interleaved rounds.")
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"of {', '.join(GROUPS)}; all if none is named")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"measured rounds (default {ROUNDS})")
    arguments = parser.parse_args()
    if unknown := set(arguments.groups) - set(GROUPS):
        parser.error(f"{', '.join(sorted(unknown))}: no such group; choose among {', '.join(GROUPS)}")
    if arguments.rounds < 1:
        parser.error(f"--rounds {arguments.rounds}: must be at least 1")
    quiet()
    torch.set_num_threads(1)
    for group in arguments.groups or GROUPS:
        benchmark = importlib.import_module(f"aelab.benchmarks.{group}").benchmark
        os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "0"  # Lightning's import is not to slow down the others' steps
        rows = benchmark(arguments.rounds)
        save(group, rows)
        Console().print(table(group, rows))
    print(PATH)


def save(group: str, rows: list[Row]) -> None:
    """Replace the rows of this group in the file and keep those of the others."""
    PATH.parent.mkdir(exist_ok=True)
    saved: list[Row] = json.loads(PATH.read_text()) if PATH.exists() else []
    others = [row for row in saved if not row["name"].startswith(f"{group} ")]
    found = [{**row, "name": f"{group} {row['name']}"} for row in rows]
    PATH.write_text(json.dumps([*others, *found], indent=1) + "\n")


def table(title: str, rows: list[Row]) -> Table:
    """A section for each group of cases that were measured together."""
    drawn = Table(title=title, title_justify="left", box=SIMPLE)
    drawn.add_column("")
    for heading in ("median", "ratio"):
        drawn.add_column(heading, justify="right")
    drawn.add_column("against")
    section = ""
    for row in rows:
        group, _, name = row["name"].partition(": ")
        if group != section:
            drawn.add_section()
            drawn.add_row(f"[bold]{group}[/bold]")
            section = group
        ratio = "" if row["ratio"] is None else f"{row['ratio']:.2f}"
        drawn.add_row(f"  {name}", duration(row["median_s"]), ratio, row.get("note", row["against"]))
    return drawn


def duration(seconds: float) -> str:
    """In the unit that leaves at least one digit before the point."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"
