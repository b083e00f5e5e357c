"""One self-contained page of a comparison: no network, no script."""

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from aelab.comparison.choosing import chosen_in_words
from aelab.comparison.figures.figure import SavedFigure
from aelab.comparison.groups import Comparison
from aelab.comparison.report.embedding import embed
from aelab.comparison.report.runs_section import run_sections
from aelab.comparison.table import Row, Table, tabulate, unfinished
from aelab.comparison.verdict import few_replicas, own_in_words, seeds_in_words, verdict
from aelab.comparison.wording import count, plain
from aelab.machines.atomic_files import write_whole

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_ROWS = 150
_PIXEL = 0.7  # of the page for one of a figure: text in figures is then nearly as large as text on the page
_FIGURE_BYTES = 1_200_000  # of all figures together, before base64


def write_report(comparison: Comparison, figures: Sequence[SavedFigure], path: Path, sections: str = "") -> Path:
    """Write the page for a comparison and its figures. ``sections``: HTML to stand between table and figures."""
    title = escape(comparison.name)
    style = Path(__file__).with_name("report.css").read_text(encoding="utf-8")
    written = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    page = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>{title} · aelab</title>
<style>
{style}</style>
</head>
<body>
<header>
<h1>{title}</h1>
<p class="lead">{escape(" ".join(verdict(comparison)))}</p>
</header>
<main>
<h2>Configurations</h2>
{_tables(comparison)}
{_unfinished(unfinished(comparison))}
{sections}
{_figures(figures)}
{run_sections(comparison)}
</main>
<footer>Written {written} by aelab from the runs' manifests. Numbers: comparison.csv, figures/*.csv.</footer>
</body>
</html>
"""
    return write_whole(path, page)


def _tables(comparison: Comparison) -> str:
    """One a task, its metrics in front, so that they are in view on a narrow page."""
    tables = tabulate(comparison)
    return "\n".join(map(_table, tables)) + _below_tables(comparison, tables)


def _table(table: Table) -> str:
    kinds = [' class="number"' if index < table.numbers else "" for index in range(len(table.headings))]
    heads = [f"<th{kind}>{escape(name)}</th>" for name, kind in zip(table.headings, kinds, strict=True)]
    body = "\n".join(_row(row, kinds) for row in table.rows[:_ROWS])
    title = f"<h3>{escape(table.title)}</h3>\n" if table.title else ""
    return (
        f'{title}<div class="scroll"><table class="errors">\n<thead><tr><th></th>{"".join(heads)}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table></div>"
    )


def _row(row: Row, kinds: Sequence[str]) -> str:
    cells = [f"<td{kind}>{escape(cell)}</td>" for cell, kind in zip(row.cells, kinds, strict=True)]
    best = ' class="best"' if row.best else ""
    return f"<tr{best}><td>{'best' if row.best else ''}</td>{''.join(cells)}</tr>"


def _unfinished(rows: Sequence[Row]) -> str:
    """A list of its own for what did not end well."""
    if not rows:
        return ""
    items = [
        f'<li><span class="{"" if row.status == "running" else "wrong"}">{escape(row.status)}</span> '
        f"{escape(row.cells[0])}{escape(': ' + plain(row.failure, 300) if row.failure else '')}</li>"
        for row in rows[:_ROWS]
    ]
    more = f"<li>{count(len(rows) - _ROWS, 'run')} more in comparison.csv</li>" if len(rows) > _ROWS else ""
    return f"<h2>Not complete</h2>\n<ul>\n{chr(10).join(items)}{more}\n</ul>"


def _below_tables(comparison: Comparison, tables: Sequence[Table]) -> str:
    notes = []
    if seeds := seeds_in_words(comparison.groups):
        notes.append(f"{seeds.capitalize()}.")
    elif any("test/error" in run.intervals for run in comparison.runs):
        notes.append(f"±, or the ends in brackets: {own_in_words(comparison.groups)}.")
    if few := few_replicas(comparison.groups):
        notes.append(few)
    if any(row.best for table in tables for row in table.rows):
        ways = sorted({chosen_in_words(groups) for groups in comparison.problems().values() if len(groups) > 1})
        notes.append(
            f"Best first, and best: by {' or '.join(ways)}, of its data and kind of error; the figures are of test."
        )
    if hidden := sum(max(0, len(table.rows) - _ROWS) for table in tables):
        notes.append(f"{count(hidden, 'row')} more in comparison.csv.")
    return f'<p class="quiet">{escape(" ".join(notes))}</p>' if notes else ""


def _figures(figures: Sequence[SavedFigure]) -> str:
    limit = _FIGURE_BYTES // max(1, 2 * len(figures))
    return "\n".join(_figure(figure, limit) for figure in figures)


def _figure(figure: SavedFigure, limit: int) -> str:
    light = embed(figure.light.read_bytes(), limit)
    dark = embed(figure.dark.read_bytes(), limit)
    if light is None or dark is None:
        return ""
    title = escape(figure.drawing.title)
    single = " single" if light.width < 1100 else ""
    return f"""<section>
<h2 class="unseen">{title}</h2>
<figure class="chart{single}">
<div class="scroll"><picture><source srcset="{dark.uri}" media="(prefers-color-scheme: dark)">
<img src="{light.uri}" width="{round(_PIXEL * light.width)}" alt="{title}"></picture></div>
<figcaption>{escape(figure.drawing.caption)}</figcaption>
</figure>
</section>"""
