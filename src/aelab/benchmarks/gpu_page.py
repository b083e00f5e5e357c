"""The page of a GPU's figures, from what the benchmark found; of one that was never run, that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aelab.benchmarks.gpu_clock import Row
from aelab.benchmarks.gpu_stacks import GRAPH
from aelab.benchmarks.main import duration

PAYS = 0.8  # of the step's time: a CUDA graph that saves less is not worth a second way to train
HEAD = """# On a GPU

    make test-gpu        # the tests that need one; exit status 2 and one line where there is none
    make benchmark-gpu   # measures all below (10 minutes by estimate), writes docs/gpu.json and this page

`python -m aelab.benchmarks.gpu --dry` runs the same on a CPU, small, into a temporary file.
"""
NEVER = """
**Not measured yet.** No GPU could be had so far, so there are no figures of one here, and what `trainer=gpu`, `ddp` and
`fsdp` do on one is composed and tested on CPUs only. Whether CUDA graphs pay for a stack's step is measured by the same
command; they are not built.
"""
WAITS = """
## Nothing waits

A training step makes the host wait for the device nowhere: `tests/models/test_waiting.py` runs a step of every variant,
alone and stacked, on a device without values, where looking at one fails; `make test-gpu` asks CUDA the same. What does
wait, and why: `model=rae model.regularizer=spectral` (singular values, in each step); line searches
(`optimizer=lbfgs`, `cg`), which decide by the loss; once an epoch the check that the error is finite, metrics, the best
weights, checkpoints and the order of the rows.
"""


def page(found: dict[str, Any] | None) -> str:
    """Markdown. ``found``: of gpu.json; None where there is none."""
    if found is None:
        return HEAD + NEVER + WAITS
    machine = found["machine"]
    where = f"{machine['count']} x {machine['device']}, driver {machine['driver']}, torch {machine['torch']}"
    kind = "**A dry run on a CPU: not the figures of a GPU.**\n\n" if found["dry"] else ""
    parts = [
        HEAD,
        f"\n{kind}{where}, {machine['date']}, {found['seconds']:.0f} s. Medians of rounds, lowest to highest in "
        "brackets; the device is waited for before the clock is read.\n",
        _section("Errors", "The same seeds on each; ratios to the CPU's errors, with 95 % t-intervals over seeds.",
                 ("", "test error", "ratio", "seconds", "memory"), map(_error, _kept(found["errors"]))),
        _section("Several devices", "Whole commands, imports included.",
                 ("", "seconds", "test error", "ratio", "memory"), map(_strategy, _kept(found["strategies"]))),
        _section("Sweeps", "Whole commands, imports included; ratios to `hydra/launcher=workers`.",
                 ("", "runs", "seconds", "ratio", "errors differ by", "memory"), map(_sweep, _kept(found["sweeps"]))),
        _section("Stacks", "A step of all K models; `its step alone`: without Lightning, on one batch again and again.",
                 ("network", "K", "", "a step", "a step and model", "memory"), map(_stack, _kept(found["stacks"]))),
        _left_out(found),
        _graphs(found["stacks"]),
        WAITS,
    ]  # fmt: skip
    return "".join(parts)


def _kept(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if "left_out" not in row]


def _section(title: str, says: str, heads: Sequence[str], rows: Any) -> str:
    lines = ["| " + " | ".join(cells) + " |" for cells in (heads, ["---"] * len(heads), *rows)]
    return f"\n## {title}\n\n{says}\n\n" + "\n".join(lines) + "\n"


def _error(row: Row) -> list[str]:
    within = "" if row["plus_minus"] is None else f" ± {row['plus_minus']:.4f}"
    return [
        row["way"],
        f"{row['test_error']:.4f}",
        f"{row['ratio']:.4f}{within}",
        f"{row['seconds']:.1f}",
        _memory(row),
    ]


def _strategy(row: Row) -> list[str]:
    return [row["way"], _spread(row["seconds"]), f"{row['test_error']:.4f}", f"{row['ratio']:.4f}", _memory(row)]


def _sweep(row: Row) -> list[str]:
    ratio = "{median:.2f} ({low:.2f} to {high:.2f})".format(**row["ratio"])
    apart = f"{row['largest_difference_of_errors']:.1e}"
    return [row["way"], str(row["runs"]), _spread(row["seconds"]), ratio, apart, _memory(row)]


def _stack(row: Row) -> list[str]:
    seconds = row["seconds_per_step"]
    each = duration(seconds["median"] / row["replicas"])
    return [row["network"], str(row["replicas"]), row["way"], _spread(seconds), each, _memory(row)]


def _spread(found: Row) -> str:
    return f"{duration(found['median'])} ({duration(found['low'])} to {duration(found['high'])})"


def _memory(row: Row) -> str:
    peak = row.get("peak_mb")
    return "" if peak is None else f"{peak:.0f} MB"


def _left_out(found: dict[str, Any]) -> str:
    """What was not measured, and why."""
    parts = ("errors", "strategies", "sweeps", "stacks")
    missing = [(part, row) for part in parts for row in found[part] if "left_out" in row]
    if not missing:
        return ""
    lines = [f"- {part}{': ' + row['way'] if 'way' in row else ''}: {row['left_out']}" for part, row in missing]
    return "\n## Not measured\n\n" + "\n".join(lines) + "\n"


def _graphs(rows: Sequence[Row]) -> str:
    """Whether CUDA graphs would pay, by what was measured."""
    ratios = {(row["network"], row["replicas"]): row["ratio_to_the_step"] for row in rows if row.get("way") == GRAPH}
    title = "\n## CUDA graphs\n\n"
    if not ratios:
        return f"{title}Not measured: they need a GPU. They are not built.\n"
    pays = [f"{network}, K = {count}" for (network, count), ratio in ratios.items() if ratio["high"] < PAYS]
    told = [
        f"| {network} | {count} | {ratio['median']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f}) |"
        for (network, count), ratio in ratios.items()
    ]
    verdict = f"They would pay in {len(pays)} of {len(ratios)} cases" if pays else "They would pay in no case"
    table = "\n".join(["| network | K | graph / step |", "| --- | --- | --- |", *told])
    return f"{title}{verdict} (below {PAYS} of the step's time in every round). They are not built.\n\n{table}\n"
