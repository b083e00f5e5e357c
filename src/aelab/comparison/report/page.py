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
from aelab.comparison.table import Row, Table, tabulate, visible
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
{_table(comparison)}
{sections}
{_figures(figures)}
{run_sections(comparison)}
</main>
<footer>Written {written} by aelab from the runs' manifests. Numbers: comparison.csv, figures/*.csv.</footer>
</body>
</html>
"""
    return write_whole(path, page)


def _table(comparison: Comparison) -> str:
    table = tabulate(comparison)
    rows = visible(table.rows, _ROWS)
    classes = ["" if index < table.texts else ' class="number"' for index in range(len(table.headings))]
    heads = [f"<th{kind}>{escape(name)}</th>" for name, kind in zip(table.headings, classes, strict=True)]
    heads.append("<th>status</th>")
    body = "\n".join(_row(row, table.texts, classes) for row in rows)
    return (
        f'<div class="scroll"><table>\n<thead><tr>{"".join(heads)}</tr></thead>\n<tbody>\n{body}\n</tbody>\n'
        f"</table></div>\n{_below_table(comparison, table, len(rows))}"
    )


def _row(row: Row, texts: int, classes: Sequence[str]) -> str:
    """A failure takes the place of the numbers it prevented."""
    cells = [f"<td{kind}>{escape(cell)}</td>" for cell, kind in zip(row.cells, classes, strict=True)]
    if row.failure:
        span = f'colspan="{len(row.cells) - texts}"'
        cells[texts:] = [f'<td class="wrong failure" {span}>{escape(plain(row.failure, 300))}</td>']
    wrong = "" if row.status in ("complete", "running") else ' class="wrong"'
    cells.append(f"<td{wrong}>{escape('best' if row.best else row.status)}</td>")
    best = ' class="best"' if row.best else ""
    return f"<tr{best}>{''.join(cells)}</tr>"


def _below_table(comparison: Comparison, table: Table, shown_rows: int) -> str:
    notes = []
    if seeds := seeds_in_words(comparison.groups):
        notes.append(f"{seeds.capitalize()}.")
    elif any("test/error" in run.intervals for run in comparison.runs):
        notes.append(f"±, or the ends in brackets: {own_in_words(comparison.groups)}.")
    if few := few_replicas(comparison.groups):
        notes.append(few)
    if any(row.best for row in table.rows):
        ways = sorted({chosen_in_words(groups) for groups in comparison.problems().values() if len(groups) > 1})
        notes.append(
            f"Best first, and best: by {' or '.join(ways)}, of its data and kind of error; the figures are of test."
        )
    if shown_rows < len(table.rows):
        notes.append(f"{count(len(table.rows) - shown_rows, 'row')} more in comparison.csv.")
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
