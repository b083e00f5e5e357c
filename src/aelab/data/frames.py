"""CSV and Parquet files as pandas frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from aelab.data.user_files import unreadable
from aelab.errors import UserError


def read_frame(path: Path) -> pd.DataFrame:
    """The whole file; the names of its columns are text. UserError where it cannot be read."""
    kind = next((s for s in path.suffixes[::-1] if s in (".csv", ".tsv", ".parquet")), None)
    if kind is None:
        raise UserError(f"data.path={path}: not a .csv (or .tsv, .csv.gz) or .parquet file; save it as one")
    try:
        if kind == ".parquet":
            frame = pd.read_parquet(path)
        else:
            frame = pd.read_csv(path, sep="\t" if kind == ".tsv" else ",", low_memory=False)
    except (OSError, ValueError, ImportError) as error:  # pandas' and pyarrow's own errors are ValueErrors
        raise unreadable(path, error) from error
    if frame.empty:
        raise UserError(f"data.path={path}: no rows below the names of the columns; at least 2 are needed")
    return frame.rename(columns=str)


def as_labels(column: pd.Series) -> np.ndarray:
    """Numbers as they are, anything else as text, ``[N]``."""
    return column.to_numpy() if pd.api.types.is_numeric_dtype(column) else column.to_numpy(dtype=str)


def odd_one_out(column: pd.Series) -> str:
    """The first value of a column that is not a number, for the eye."""
    odd = column[pd.to_numeric(column, errors="coerce").isna() & column.notna()]
    return repr(str(odd.iloc[0])) if len(odd) else str(column.dtype)
