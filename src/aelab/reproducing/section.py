"""The section of a sweep's report that sets its runs beside the paper of their recipe."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape

from omegaconf import OmegaConf

from aelab.comparison.runs import Run
from aelab.configuration import conf_dir
from aelab.errors import UserError
from aelab.reproducing.measured import summarize
from aelab.reproducing.paper import read_paper
from aelab.reproducing.table import HEADINGS, NUMBERS, Entry, cells


def paper_sections(runs: Sequence[Run]) -> str:
    """A table for each paper that complete runs name in their config; empty where there is none."""
    groups: dict[tuple[str, str, str], list[Run]] = {}
    for run in runs:
        block = {key.removeprefix("paper."): value for key, value in run.config.items() if key.startswith("paper.")}
        if block and run.complete:
            key = _override(run, "experiment", run.sweep), _override(run, "size", "small"), json.dumps(block)
            groups.setdefault(key, []).append(run)
    return "\n".join(_section(*key, found) for key, found in groups.items())


def _section(experiment: str, size: str, block: str, runs: Sequence[Run]) -> str:
    try:
        paper = read_paper(json.loads(block))
    except UserError:  # of another version of the rules: the runs are as good as they were
        return ""
    changed = _changed(experiment, runs)
    entry = Entry(experiment, size, paper, summarize(runs, paper, tuple({run.run_id for run in runs})), bool(changed))
    classes = ['class="number"' if heading in NUMBERS else "" for heading in HEADINGS]
    heads = "".join(f"<th {kind}>{heading}</th>" for heading, kind in zip(HEADINGS, classes, strict=True))
    lines = "\n".join(
        f"<tr>{''.join(f'<td {kind}>{escape(cell)}</td>' for cell, kind in zip(row, classes, strict=True))}</tr>"
        for row in cells(entry)
    )
    note = f"No verdicts: run with {', '.join(changed)}. " if changed else ""
    return (
        f"<section>\n<h2>Beside the paper</h2>\n<p>{escape(paper.title)}</p>\n"
        f'<div class="scroll"><table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{lines}\n</tbody>\n</table></div>\n'
        f'<p class="quiet">{escape(note)}± is half of a 95 % interval, over seeds or, of a single run, its own.</p>\n'
        "</section>"
    )


def _override(run: Run, key: str, default: str) -> str:
    return next((word.partition("=")[2] for word in run.overrides if word.startswith(f"{key}=")), default)


def _changed(experiment: str, runs: Sequence[Run]) -> list[str]:
    """What was typed beside the recipe, its size and the seed."""
    own = {"experiment", "size", "seed", "logger", "sweep", "trainer", "force", *_swept(experiment)}
    words = dict.fromkeys(word for run in runs for word in run.overrides)
    return [word for word in words if word.partition("=")[0].lstrip("+~") not in own and not word.startswith("paths.")]


def _swept(experiment: str) -> set[str]:
    """The keys that a recipe sweeps over."""
    keys: set[str] = set()
    for folder in ("experiment", "size/paper"):
        path = conf_dir() / folder / f"{experiment}.yaml"
        params = OmegaConf.select(OmegaConf.load(path), "hydra.sweeper.params") if path.is_file() else None
        keys |= {str(key) for key in params or {}}
    return keys
