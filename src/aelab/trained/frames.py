"""Frames as a run takes them: by the names of the columns that it was trained with."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from aelab.data.tables.columns import Columns, recorded_columns
from aelab.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from aelab.trained.run import Run


def as_frame(x: Any) -> pd.DataFrame | None:
    """A frame of pandas, or of a library that gives one, like polars; None for an array."""
    if not hasattr(x, "columns"):
        return None
    found: pd.DataFrame = x if hasattr(x, "iloc") else x.to_pandas()
    return found


def columns_of(run: Run, frame: pd.DataFrame) -> Columns:
    """The columns of the table that a run was trained on; UserError where it was none.

    ``frame``: tells apart those of which a run of an earlier version has the names of values alone.
    """
    columns = run.preprocessing.columns
    names = run.manifest["data"].get("columns")
    if columns is None and names is not None:
        columns = recorded_columns(names, frame)
    if columns is None:
        raise UserError(f"{run.directory}: this run was not trained on data=table; give it an array, not a frame")
    return columns


def others_in(run: Run, frame: pd.DataFrame) -> list[str]:
    """Columns of a frame of which a run knows nothing; none where it was trained on some columns of more."""
    data = run.manifest["config"]["data"]
    if data.get("columns") is not None:
        return []
    given = run.preprocessing.given
    beside = [data.get("label"), data.get("id"), data.get("weight"), *(given.names if given else [])]
    return columns_of(run, frame).unknown(frame, beside)


def values_of(run: Run, frame: pd.DataFrame) -> np.ndarray:
    """Raw values float64 ``[N, D]`` of a frame with the run's columns; a warning names those that it does not know."""
    columns = columns_of(run, frame)
    if more := others_in(run, frame):
        some = ", ".join(more[:10]) + (", ..." if len(more) > 10 else "")
        warnings.warn(f"the frame has columns that the run was not trained with: {some}; left out", stacklevel=5)
    try:
        return columns.values(frame)
    except UserError as error:
        raise UserError(f"{run.directory}: {error}") from error
