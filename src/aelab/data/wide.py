"""A data module whose rows may be more than examples: what is given, and weights, behind the values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from aelab.data.batches.served import Served
from aelab.data.batches.splits import fingerprint
from aelab.data.beside import given_parts, widened
from aelab.data.given import Given
from aelab.data.preprocessing import Preprocessing
from aelab.data.source import Source
from aelab.objectives.batch import Layout

PARTS = ("train", "val", "test")


class Wide(Served):
    """``given_names``: of what is given beside examples. ``known``: of a run whose data these are."""

    name: str
    given_names: list[str]
    known: Preprocessing | None
    preprocessing: Preprocessing

    def _widen(self, parts: Mapping[str, Source]) -> None:
        """Put what is given, and what each example counts, behind the values of each part."""
        given = self._fit_given(parts) if self.given_names else {}
        width = self.values["train"].shape[1]
        self.layout = self._layout(width, parts["train"].weight is not None)
        for part in self.values:
            of = "train" if part == "grey" else part
            self.values[part] = widened(self.values[part], given.get(of), parts[of].weight)

    def _layout(self, width: int, weighted: bool) -> Layout:
        return Layout(width, self.preprocessing.given.size if self.preprocessing.given else 0, weighted)

    def _fit_given(self, parts: Mapping[str, Source]) -> dict[str, np.ndarray]:
        known = self.known.given if self.known else None
        self.preprocessing.given, found = given_parts(parts, self.given_names, self.name, known)
        return found

    def describe_given(self, given: Given) -> dict[str, Any]:
        """The columns that are given, and 16 hex digits that name their content in each part."""
        assert self.layout is not None
        start = -given.size - self.layout.weighted
        stop = -1 if self.layout.weighted else None
        names = {part: fingerprint(self._behind(part)[:, start:stop].cpu().numpy()) for part in PARTS}
        return {"columns": given.names, "fingerprints": names}
