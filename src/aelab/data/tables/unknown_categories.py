"""Categories that a run does not know, in one frame or in all pieces of a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from aelab.errors import UserError

SHOWN = 5


class UnknownCategories:
    """What ``see`` met, of ``rows`` rows."""

    def __init__(self) -> None:
        self.rows = 0
        self.known: dict[str, Sequence[str]] = {}
        self.counts: dict[str, Counter[str]] = {}
        self.hits: Counter[str] = Counter()  # values of each column that are known

    def see(self, column: str, known: Sequence[str], names: np.ndarray) -> None:
        """Take note of the categories of some rows of a column, none of which is missing."""
        kinds, counts = np.unique(names.astype(str), return_counts=True)
        strange = ~np.isin(kinds, np.array(known, dtype=str))
        self.known[column] = known
        self.hits[column] += int(counts[~strange].sum())
        found = dict(zip(kinds[strange].tolist(), counts[strange].tolist(), strict=True))
        self.counts.setdefault(column, Counter()).update(found)

    def said(self) -> list[str]:
        """A line for each column that has some; UserError for one of whose categories none is known."""
        lines = []
        for column, counts in self.counts.items():
            if not counts:
                continue
            some = _listed(sorted(counts))
            known = _listed(self.known[column])
            if not self.hits[column]:
                raise UserError(f"column {column}: none of its categories ({some}) is known; the run knows {known}")
            lines.append(
                f"column {column}: {some} is no category that the run knows ({known}) and counts as none of them, in "
                f"{counts.total()} of {self.rows} rows"
            )
        return lines


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
