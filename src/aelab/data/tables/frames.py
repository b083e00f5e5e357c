"""CSV and Parquet files as pandas frames."""

from __future__ import annotations

import lzma
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aelab.data.files.user_files import unreadable
from aelab.errors import UserError

# pandas' and pyarrow's own errors are ValueErrors; the others come from what a file is packed with
DAMAGED = (OSError, ValueError, ImportError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, MemoryError)


def read_frame(path: Path) -> pd.DataFrame:
    """The whole file; the names of its columns are text. UserError where it cannot be read."""
    kind = _kind(path)
    try:
        frame = pd.read_parquet(path) if kind == ".parquet" else pd.read_csv(path, low_memory=False, **_comma(kind))
    except DAMAGED as error:
        raise unreadable(path, error) from error
    return _filled(frame, path)


def read_chunks(path: Path, size: int) -> Iterator[pd.DataFrame]:
    """The same, a few rows at a time: so many that each chunk is about ``size`` bytes of float32."""
    kind = _kind(path)
    try:
        if kind == ".parquet":
            from pyarrow.parquet import ParquetFile

            with ParquetFile(path, buffer_size=2**16) as file:
                rows = max(1, size // (4 * max(1, file.metadata.num_columns)))
                for group in range(file.num_row_groups):  # else it keeps all that it has read
                    for batch in file.iter_batches(rows, [group], use_threads=False):
                        yield _filled(batch.to_pandas(), path)
            return
        columns = len(pd.read_csv(path, nrows=0, **_comma(kind)).columns)
        rows = max(1, size // (4 * max(1, columns)))
        with pd.read_csv(path, chunksize=rows, **_comma(kind)) as frames:
            for frame in frames:
                yield _filled(frame, path)
    except UserError:
        raise
    except DAMAGED as error:
        raise unreadable(path, error) from error


def _kind(path: Path) -> str:
    kind = next((s for s in path.suffixes[::-1] if s in (".csv", ".tsv", ".parquet")), None)
    if kind is None:
        raise UserError(f"data.path={path}: not a .csv (or .tsv, .csv.gz) or .parquet file; save it as one")
    return kind


def _comma(kind: str) -> dict[str, Any]:
    return {"sep": "\t" if kind == ".tsv" else ","}


def _filled(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
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
