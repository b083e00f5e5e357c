"""The columns of a table that are wanted: inputs, and those that stand beside them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from aelab.data.tables.categories import category_names
from aelab.data.tables.labels import LabelType
from aelab.data.tables.reading import TableFile
from aelab.data.tables.row_ids import RowIds


class Wanted(NamedTuple):
    """Names of columns: inputs, and perhaps that of the labels, that of the rows' ids, those that are ``given`` beside
    inputs, and that of what each row counts."""

    columns: Sequence[str]
    label: str | None
    id: str | None
    given: Sequence[str] = ()
    weight: str | None = None

    @property
    def beside(self) -> list[str]:
        """Those that are no inputs."""
        every = (self.label, self.id, *self.given, self.weight)
        return list(dict.fromkeys(name for name in every if name is not None))

    @property
    def anything(self) -> set[str]:
        """Those that may hold anything."""
        return {name for name in (self.label, self.id) if name is not None}

    @property
    def whole(self) -> list[str]:
        """Those beside inputs in which no value may lack."""
        return [name for name in self.beside if name != self.id]

    @property
    def filled(self) -> list[str]:
        """Those in which a gap means something: an id may lack."""
        return [*self.columns, *self.whole]


def numbers_of(column: pd.Series) -> np.ndarray:
    """A column of numbers as float64 ``[N]``, NaN where there is none."""
    return column.to_numpy(np.float64, na_value=np.nan)


class Beside:
    """What stands beside the inputs of rows, seen frame by frame: labels, ids, and where each row was read."""

    def __init__(self, table: TableFile, wanted: Wanted, categorical: Collection[str] = ()) -> None:
        self.wanted = wanted
        self.categorical = categorical
        self.labels = LabelType(table.as_numbers)
        self.ids = RowIds(str(wanted.id))

    def see(self, frame: pd.DataFrame) -> None:
        """Take note of the rows of a frame."""
        if self.wanted.label is not None:
            self.labels.see(frame[self.wanted.label])
        if self.wanted.id is not None:
            self.ids.see(frame[self.wanted.id])

    def values(self, frame: pd.DataFrame) -> dict[str, np.ndarray]:
        """Arrays ``[N]``: ``row``, by the frame's index, and ``labels``, ``id``, ``weight`` and ``given_0``, ... where
        they are wanted: names of categories, else numbers."""
        found = {"row": frame.index.to_numpy()}
        if self.wanted.label is not None:
            found["labels"] = self.labels.values(frame[self.wanted.label])
        if self.wanted.id is not None:
            found["id"] = self.ids.values(frame[self.wanted.id])
        if self.wanted.weight is not None:
            found["weight"] = numbers_of(frame[self.wanted.weight])
        for place, name in enumerate(self.wanted.given):
            column = frame[name]
            if name == self.wanted.label:
                found[f"given_{place}"] = found["labels"]
            elif name in self.categorical:
                found[f"given_{place}"] = category_names(column).astype(str)
            else:
                found[f"given_{place}"] = numbers_of(column)
        return found

    def said(self, ids: np.ndarray | None) -> list[str]:
        """What the user should know about all ids."""
        return [] if ids is None else self.ids.said(ids)
