"""One W&B run per sweep: its table, its figures, and its curves as charts that can be restyled there."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

from aelab.comparison.figures.figure import SavedFigure, file_name
from aelab.comparison.finite import finite
from aelab.comparison.groups import Comparison, rows
from aelab.runs.wandb_note import Note
from aelab.tracking.wandb_client import close_run, open_run


@dataclass(frozen=True)
class Chart:
    """A curve of W&B's own over the table that lies under ``key``: `value` against `x`, one line for each `line`."""

    key: str
    title: str
    x: str
    points: list[list[Any]]


class Logged(NamedTuple):
    """Where a summary went; ``online``: to a server, where reports can be made of it; ``link``: to the sweep there."""

    id: str
    entity: str
    project: str
    online: bool
    link: str = ""


def log_summary(
    comparison: Comparison,
    figures: Sequence[SavedFigure],
    directory: Path,
    mode: Literal["online", "offline"],
    project: str = "aelab",
    entity: str | None = None,
) -> Logged:
    """Log the comparison as the run "<sweep> summary" in the sweep's group.

    The id follows from the sweep's name: the next comparison of the same sweep takes its place.
    W&B's files lie under `directory`/wandb.
    """
    name = comparison.name[:100]
    note = Note(directory / "wandb" / f".{summary_id(comparison.name)}")
    run = open_run(
        directory,
        {"mode": mode, "project": project, "entity": entity},
        note,
        id=summary_id(comparison.name),
        name=f"{name} summary",
        group=name,
        job_type="summary",
        reinit="create_new",
    )
    try:
        run.log(_content(comparison, figures, directory))
        run.summary.update(_counts(comparison))
    except BaseException:
        close_run(run, note, exit_code=1)
        raise
    close_run(run, note, exit_code=0)
    online = not run.offline and not run.disabled
    link = f"{str(run.url).partition('/runs/')[0]}/groups/{quote(name)}" if online and run.url else ""
    return Logged(str(run.id), str(run.entity), str(run.project), online, link)


def summary_id(sweep: str) -> str:
    """The W&B id of a sweep's summary, the same every time."""
    return f"summary-{hashlib.sha256(sweep.encode('utf-8', errors='replace')).hexdigest()[:12]}"


def _content(comparison: Comparison, figures: Sequence[SavedFigure], directory: Path) -> dict[str, Any]:
    import wandb

    table = rows(comparison, directory)
    content: dict[str, Any] = {"comparison": _table(list(table[0]), [list(row.values()) for row in table])}
    for figure in figures:
        content[picture_key(figure)] = wandb.Image(str(figure.light), caption=figure.drawing.caption)
        for chart in charts(figure):
            table = _table([chart.x, "line", "value", "low", "high"], chart.points)
            content[chart.key] = wandb.plot.line(table, chart.x, "value", stroke="line", title=chart.title)
    return content


def picture_key(figure: SavedFigure) -> str:
    """What a figure is called in W&B."""
    return f"figures/{file_name(figure.drawing).replace('.', '_')}"


def charts(figure: SavedFigure) -> Iterator[Chart]:
    """A chart for each panel of a figure over numbers."""
    key = picture_key(figure).replace("figures/", "charts/", 1)
    for index, (panel, points) in enumerate(_panels(figure)):
        title = f"{figure.drawing.title}: {panel}" if panel else figure.drawing.title
        yield Chart(f"{key}_{index}" if panel else key, title, figure.drawing.x, points)


def _panels(figure: SavedFigure) -> Iterator[tuple[str, list[list[Any]]]]:
    """The points of each panel of a figure over numbers; of training curves, validation only."""
    if not figure.drawing.x:
        return
    drawn = [row for row in figure.drawing.rows if row["x"] is not None and row["metric"] != "train/error"]
    for panel in dict.fromkeys(row["panel"] for row in drawn):
        here = [row | {"line": row["line"] or "error"} for row in drawn if row["panel"] == panel]
        yield panel, [[row[column] for column in ("x", "line", "mean", "low", "high")] for row in here]


def _table(columns: Sequence[str], data: Sequence[Sequence[Any]]) -> Any:
    import wandb

    return wandb.Table(columns=list(columns), data=list(data), allow_mixed_types=True)


def _counts(comparison: Comparison) -> dict[str, float]:
    directories = {run.directory for run in comparison.runs}
    unfinished = {run.directory for run in comparison.unfinished}
    found: dict[str, float] = {"runs": len(directories), "complete": len(directories - unfinished)}
    problems = list(comparison.problems().values())
    best = problems[0][0].mean("test/error") if len(problems) == 1 else None
    return found | ({"best/test/error": best} if finite(best) else {})
