"""How anomalous new examples are, row by row, and which of their columns say so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aelab.errors import UserError
from aelab.evaluation.measures.anomaly_scores import residuals
from aelab.trained.run import Run
from aelab.trained.table_out import named_origin
from aelab.trained.texts import check_scored
from aelab.trained.unseen.protocol import Origin, Unseen

if TYPE_CHECKING:
    import pandas as pd

ROWS = 16_384  # that are scored at a time
CONTRIBUTORS = 3


class Scores:
    """The scores of ``unseen`` by ``run``, as ``frames`` of some rows each, and what was ``said`` of them all.

    ``threshold``: above it an example is called an anomaly; None: the run's own, where it has one. ``contributors``:
    how many columns are named that contribute most to the squared error; None: 3, of pictures none. ``codes``: the
    code, too.
    """

    def __init__(
        self, run: Run, unseen: Unseen, threshold: float | None, contributors: int | None, codes: bool = False
    ) -> None:
        check_scored(run.preprocessing, run.directory)
        if run.preprocessing.given is not None:
            raise UserError(
                f"{run.directory}: trained with data.given, and a file is scored without what is given; use "
                "aelab.load_run(...).anomaly_score(x, given=...), which takes frames with their columns"
            )
        known = run.scoring
        self.run = run
        self.unseen = unseen
        self.codes = codes
        self.own = threshold is None
        self.threshold = known.threshold if known and threshold is None else threshold
        self.names, self.starts = _values(run)
        most = CONTRIBUTORS if len(run.shape) < 3 else 0
        self.contributors = min(len(self.names), most if contributors is None else contributors)
        self.rows = self.above = self.without = 0
        self.gaps: Counter[str] = Counter()
        self.first = ""

    def frames(self) -> Iterator[pd.DataFrame]:
        """Rows in the order of the file.

        Columns: where each was read; ``anomaly_score``; ``is_anomaly`` where there is a threshold; ``column_1``,
        ``share_1``, ... of what contributes most; ``code_0``, ... where codes are asked for.
        A row with a gap that the run cannot fill, or an infinite value, has no score.
        """
        for origin, raw in self.unseen.pieces():
            for start in range(0, len(raw), ROWS):
                rows = slice(start, start + ROWS)
                yield self._frame({name: values[rows] for name, values in origin.items()}, raw[rows])

    def _frame(self, origin: Origin, raw: np.ndarray) -> pd.DataFrame:
        import pandas as pd

        x = self.run.prepared(raw).numpy()
        known = ~np.isinf(x) if self.run.preprocessing.gaps else np.isfinite(x)
        whole = known.all(1) & ~np.isnan(x).all(1)
        self._note(origin, x, whole)
        found: dict[str, Any] = {}
        with np.errstate(over="ignore"):  # an infinite score is one above every threshold
            scores = _spread(self.run.anomaly_score(raw[whole]) if whole.any() else np.empty(0), whole)
            found["anomaly_score"] = scores
            if self.threshold is not None:
                above = scores > self.threshold
                self.above += int(above.sum())
                found["is_anomaly"] = pd.arrays.BooleanArray(above, np.isnan(scores))
            if self.contributors:
                found |= self._contributors(x[whole], whole)
        if self.codes:
            code = self.run.encode(raw[whole]) if whole.any() else np.empty((0, self.run.model.network.code_size), "f4")
            found |= {f"code_{unit}": _spread(values, whole) for unit, values in enumerate(code.T)}
        return pd.DataFrame({**named_origin(origin, self.unseen.id, found), **found})

    def _note(self, origin: Origin, x: np.ndarray, whole: np.ndarray) -> None:
        """Count the rows, and those that cannot be scored."""
        self.rows += len(x)
        if whole.all():
            return
        self.without += int((~whole).sum())
        odd = np.logical_or.reduceat(~np.isfinite(x), self.starts, axis=1).sum(0)
        self.gaps.update({str(self.names[place]): int(odd[place]) for place in np.flatnonzero(odd)})
        if not self.first:
            place = next(iter(name for name in ("file", "row") if name in origin))
            self.first = f"{place} {origin[place][int(np.argmin(whole))]}"

    def _contributors(self, x: np.ndarray, whole: np.ndarray) -> dict[str, np.ndarray]:
        """The columns of the greatest parts of the squared error, and these parts, from 0 to 1."""
        again = self.run.coder.reconstruct(x) if len(x) else x
        errors = np.add.reduceat(np.square(residuals(x, again.astype(np.float64))), self.starts, axis=1)
        order = np.argsort(-errors, axis=1, kind="stable")[:, : self.contributors]
        total = errors.sum(1, keepdims=True)
        shares = np.take_along_axis(errors, order, 1) / np.where(total == 0, 1, total)
        found: dict[str, np.ndarray] = {}
        for place in range(self.contributors):
            names = np.full(len(whole), None, dtype=object)
            names[whole] = self.names[order[:, place]]
            found |= {f"column_{place + 1}": names, f"share_{place + 1}": _spread(shares[:, place], whole)}
        return found

    def said(self, target: Path) -> list[str]:
        """What was written, and what the user should know of it."""
        known = self.run.scoring
        score = known.score if known else "error"
        lines = self.unseen.found()
        if self.without:
            some = ", ".join(f"{name} ({count})" for name, count in self.gaps.most_common(5))
            more = ", ..." if len(self.gaps) > 5 else ""
            missing = self.run.manifest["config"]["data"].get("missing")
            fix = f", which was trained with data.missing={missing}," if missing in ("error", "drop") else ""
            lines.append(
                f"no score for {self.without} of {self.rows} rows, the first {self.first}: no value, or an infinite "
                f"one, in {some}{more}, for which this run{fix} has nothing to put"
            )
        if self.threshold is None:
            lines.append(
                "no threshold was recorded, so no row is called an anomaly: where the run's data have labels, python "
                f"scripts/evaluate.py run={self.run.directory} evaluation=anomaly_detection records one; else name one "
                "with threshold=<number>"
            )
            return [*lines, f"{target}: scores ({score}) of {self.rows:,} rows"]
        share = self.above / max(1, self.rows - self.without)
        of = "the run's threshold" if self.own else "the threshold"
        return [
            *lines,
            f"{target}: scores ({score}) of {self.rows:,} rows; {self.above:,} of them ({share:.1%}) above {of}, "
            f"{self.threshold:.6g}",
        ]


def _values(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """Names of what contributes to the error, ``[C]`` objects, and the first value ``[C]`` of each."""
    columns = run.preprocessing.columns
    if columns is None:
        names = run.manifest["data"].get("columns")
        places = names or [",".join(map(str, place)) for place in np.ndindex(run.shape)]
        return np.array(places, dtype=object), np.arange(len(places))
    widths = [column.width for column in columns]
    return np.array([c.name for c in columns], dtype=object), np.cumsum([0, *widths[:-1]])


def _spread(values: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Values of the rows that are ``whole`` at their places, NaN in the others, in the type that they have."""
    found = np.full(len(whole), np.nan, values.dtype)
    found[whole] = values
    return found
