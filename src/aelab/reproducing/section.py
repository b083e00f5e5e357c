"""The section of a sweep's report that sets its runs beside the paper of their recipe."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from omegaconf import OmegaConf

from aelab.comparison.runs import RunRecord
from aelab.config.objects import conf_dir
from aelab.errors import UserError
from aelab.reproducing.measured import summarize
from aelab.reproducing.paper import read_paper
from aelab.reproducing.table import HEADINGS, NUMBERS, Entry, cells

_SHOWN = ("quantity", "here", "paper", "difference", "verdict", "verified how", "runs")


def paper_sections(runs: Sequence[RunRecord]) -> str:
    """A table for each paper that complete runs name in their config; empty where there is none."""
    groups: dict[tuple[str, str], list[RunRecord]] = {}
    for run in runs:
        if run.complete and _block(run):
            key = _override(run, "experiment", run.sweep), _override(run, "size", "small")
            groups.setdefault(key, []).append(run)
    return "\n".join(_section(*key, found) for key, found in groups.items())


def _block(run: RunRecord) -> dict[str, Any]:
    return {key.removeprefix("paper."): value for key, value in run.config.items() if key.startswith("paper.")}


def _section(experiment: str, size: str, runs: Sequence[RunRecord]) -> str:
    """What the newest run says of its paper holds for all."""
    newest = max(runs, key=lambda run: (run.directory / "manifest.json").stat().st_mtime)
    try:
        paper = read_paper(_block(newest))
    except UserError:  # of another version of the rules: the runs are as good as they were
        return ""
    changed = _changed(experiment, runs)
    measured = summarize(runs, paper, tuple({run.run_id for run in runs}))
    entry = Entry(experiment, size, paper, measured, bool(changed))
    table = [dict(zip(HEADINGS, row, strict=True)) for row in [list(HEADINGS), *cells(entry)]]
    head, *body = [_line(row, "td" if index else "th") for index, row in enumerate(table)]
    note = f"No verdicts: run with {', '.join(changed)}. " if changed else ""
    title = escape(f"{paper.title}. {experiment}, size {size}.")
    facts = f"{measured.date}, {measured.device}, {table[1]['cost']}."
    return (
        f"<section>\n<h2>Beside the paper</h2>\n<p>{title}</p>\n"
        f'<div class="scroll"><table>\n<thead>{head}</thead>\n<tbody>\n{chr(10).join(body)}\n</tbody>\n</table></div>\n'
        f'<p class="quiet">{escape(note)}± is half of a 95 % interval, over seeds or, of a single run, its own. '
        f"{escape(facts)}</p>\n</section>"
    )


def _line(row: dict[str, str], tag: str) -> str:
    kinds = {heading: ' class="number"' if heading in NUMBERS else "" for heading in _SHOWN}
    return f"<tr>{''.join(f'<{tag}{kinds[name]}>{escape(row[name])}</{tag}>' for name in _SHOWN)}</tr>"


def _override(run: RunRecord, key: str, default: str) -> str:
    return next((word.partition("=")[2] for word in run.overrides if word.startswith(f"{key}=")), default)


def _changed(experiment: str, runs: Sequence[RunRecord]) -> list[str]:
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
