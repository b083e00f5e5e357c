"""A column that numbers the rows, which ``to_csv`` writes where nobody asks for it."""

from __future__ import annotations

import pandas as pd

from aelab.data.tables.reading import TableFile

SIZE = 2**20  # bytes of float32 that are looked at, a chunk at a time


def is_saved_index(table: TableFile, name: str) -> bool:
    """Whether a column holds whole numbers, no two of them the same as far as a chunk goes."""
    return all(
        pd.api.types.is_integer_dtype(frame[name]) and frame[name].is_unique and not frame[name].isna().any()
        for frame in table.frames(SIZE, [name], ())
    )
