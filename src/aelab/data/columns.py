"""Columns of a frame as values: numbers as they are, categories as one value each, gaps as flags."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd

from aelab.errors import UserError

CATEGORIES = 1000  # more of them in a column are names, not categories

GAP = " missing"


def column_values(
    frame: pd.DataFrame, columns: Sequence[str], categorical: Collection[str], flag_gaps: bool
) -> tuple[np.ndarray, list[str]]:
    """Values float32 ``[N, D]`` of ``columns``, in that order, and their names; NaN where there is none.

    A numeric column ``age`` is one value. A categorical one, ``kind``, is 0 or 1 for each of its categories in
    alphabetical order, ``kind=a``, ``kind=b``. ``flag_gaps`` adds 0 or 1 behind a column with gaps, ``age missing``.

    Raises UserError for a categorical column with more than 1,000 categories.
    """
    found: list[tuple[str, np.ndarray]] = []
    for column in columns:
        gaps = frame[column].isna().to_numpy()
        if column in categorical:
            text = frame[column].astype(object).map(str).to_numpy(object)  # to_numpy(str) would cut those beside gaps
            kinds = sorted(set(text[~gaps]))
            if len(kinds) > CATEGORIES:
                raise UserError(
                    f"data.categorical: {column} has {len(kinds):,} categories, of at most {CATEGORIES:,}; "
                    "leave it out of data.categorical and data.columns"
                )
            found += [(f"{column}={kind}", np.where(gaps, np.nan, text == kind)) for kind in kinds]
        else:
            with np.errstate(over="ignore"):
                found.append((column, frame[column].to_numpy(np.float32, na_value=np.nan)))
        if flag_gaps and gaps.any():
            found.append((f"{column}{GAP}", gaps))
    return np.stack([values.astype(np.float32) for _, values in found], 1), [name for name, _ in found]


def named_values(frame: pd.DataFrame, names: Sequence[str]) -> np.ndarray:
    """Values float32 ``[N, D]`` of another frame, under the names that ``column_values`` gave.

    A category that was not there is 0 in all of its column's values. Raises UserError for a column that is absent.
    """
    frame = frame.rename(columns=str)
    found = []
    for name in names:
        column, kind = (name, None) if name in frame else (name.removesuffix(GAP), None)
        if column not in frame:
            column, _, kind = name.partition("=")
        if column not in frame:
            raise UserError(f"the frame has no column {column}, which the run was trained with; add it")
        gaps = frame[column].isna().to_numpy()
        if kind is not None:
            found.append(np.where(gaps, np.nan, frame[column].astype(object).map(str).to_numpy(object) == kind))
        else:
            found.append(frame[column].to_numpy(np.float32, na_value=np.nan) if column == name else gaps)
    return np.stack([values.astype(np.float32) for values in found], 1)
