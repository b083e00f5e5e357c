"""The columns of a table that are wanted: inputs, and those that stand beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from aelab.data.tables.labels import LabelType
from aelab.data.tables.reading import TableFile
from aelab.data.tables.row_ids import RowIds


class Wanted(NamedTuple):
    """Names of columns: inputs, and perhaps that of the labels and that of the rows' ids."""

    columns: Sequence[str]
    label: str | None
    id: str | None

    @property
    def beside(self) -> list[str]:
        """Those that are no inputs."""
        return [name for name in (self.label, self.id) if name is not None]

    @property
    def filled(self) -> list[str]:
        """Those in which a gap means something: an id may lack."""
        return [*self.columns, *([] if self.label is None else [self.label])]


class Beside:
    """What stands beside the inputs of rows, seen frame by frame: labels, ids, and where each row was read."""

    def __init__(self, table: TableFile, wanted: Wanted) -> None:
        self.wanted = wanted
        self.labels = LabelType(table.as_numbers)
        self.ids = RowIds(str(wanted.id))

    def see(self, frame: pd.DataFrame) -> None:
        """Take note of the rows of a frame."""
        if self.wanted.label is not None:
            self.labels.see(frame[self.wanted.label])
        if self.wanted.id is not None:
            self.ids.see(frame[self.wanted.id])

    def values(self, frame: pd.DataFrame) -> dict[str, np.ndarray]:
        """Arrays ``[N]``: ``row``, by the frame's index, and ``labels`` and ``id`` where they are wanted."""
        found = {"row": frame.index.to_numpy()}
        if self.wanted.label is not None:
            found["labels"] = self.labels.values(frame[self.wanted.label])
        if self.wanted.id is not None:
            found["id"] = self.ids.values(frame[self.wanted.id])
        return found

    def said(self, ids: np.ndarray | None) -> list[str]:
        """What the user should know about all ids."""
        return [] if ids is None else self.ids.said(ids)
