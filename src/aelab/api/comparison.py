"""Runs side by side, as a notebook shows them."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from html import escape
from itertools import islice
from typing import TYPE_CHECKING, Any

from aelab.comparison.groups import Comparison as Compared
from aelab.errors import UserError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from aelab.comparison.figures.figure import Drawing

ROWS = 30  # of a table that is shown


class Comparison(Compared):
    """Finished runs and what they reached: ``table``, ``differences``, ``figure``; in a notebook a table."""

    @property
    def table(self) -> pd.DataFrame:
        """A row for each run, as in ``comparison.csv``: what it is, its seed, its metrics and what went wrong."""
        import pandas as pd

        from aelab.comparison.groups import rows

        directories = [str(run.directory) for run in self.runs]
        return pd.DataFrame(rows(self, self.runs[0].directory.parent)).assign(directory=directories)

    @property
    def over_seeds(self) -> pd.DataFrame:
        """A row for each configuration: means over its seeds with 95 % intervals."""
        import pandas as pd

        from aelab.comparison.groups import over_seeds

        return pd.DataFrame(over_seeds(self))

    def differences(self, against: str | None = None) -> pd.DataFrame:
        """Paired differences of each configuration to a reference, a row for each of error, bias² and variance.

        ``against``: ``pca``, or a setting like ``model=undercomplete``; None: the best by validation. Intervals hold
        together at 95 % (Holm). Raises UserError where nothing fits.
        """
        import pandas as pd

        from aelab.comparison.against import paired_differences

        return pd.DataFrame(
            [
                {"task": one.task, "setting": beside.label, "against": beside.reference, "quantity": quantity}
                | interval._asdict()
                for one in paired_differences(self, against)
                for beside in one.found
                for quantity, interval in beside.intervals.items()
            ]
        )

    @property
    def figures(self) -> list[str]:
        """The names of the figures that these runs have numbers for, the main one first."""
        return [drawing.name for drawing in self._drawings()]

    def figure(self, name: str | None = None) -> Figure:
        """One of ``figures`` as Matplotlib's; the main one where none is named. Raises UserError for another name."""
        import matplotlib

        from aelab.comparison.figures.style import LIGHT, settings

        found = next((one for one in self._drawings() if name in (None, one.name)), None)
        if found is None:
            raise UserError(f"figure={name}: none of these runs; choose {', '.join(self.figures) or 'another sweep'}")
        with matplotlib.rc_context(rc=settings(LIGHT)):
            return found.paint(LIGHT, found.title)

    def _drawings(self) -> Iterator[Drawing]:
        from aelab.comparison.figures.choice import drawings

        return drawings(self)

    def __repr__(self) -> str:
        from aelab.comparison.verdict import verdict

        return "\n".join((f"Comparison of {self.name}", *verdict(self)))

    def _repr_html_(self) -> str:
        """Verdict, the table of each task, best first, and the main figure; every text of a run is escaped."""
        from aelab.comparison.table import tabulate, unfinished
        from aelab.comparison.verdict import verdict

        parts = [f"<p>{escape(sentence)}</p>" for sentence in verdict(self)]
        for table in tabulate(self):
            head = "".join(f"<th>{escape(heading)}</th>" for heading in ("", *table.headings))
            body = "".join(
                "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in ("★" if row.best else "", *row.cells)) + "</tr>"
                for row in islice(table.rows, ROWS)
            )
            more = len(table.rows) - ROWS
            parts.append(f"<b>{escape(table.title)}</b>" if table.title else "")
            parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")
            parts.append(f"<p>… {more} more in .table</p>" if more > 0 else "")
        for row in islice(unfinished(self), ROWS):
            parts.append(f"<p>{escape(row.status)}: {escape(row.cells[0])} {escape(row.failure)}</p>")
        return "".join(parts) + self._picture()

    def _picture(self) -> str:
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        if not self.figures:
            return ""
        png = io.BytesIO()
        canvas: Any = FigureCanvasAgg(self.figure())
        canvas.print_png(png)
        return f'<img src="data:image/png;base64,{base64.b64encode(png.getvalue()).decode()}"/>'
