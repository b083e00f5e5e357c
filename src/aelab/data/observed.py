"""Parts of data with gaps: enough must be observed to train on, to measure by and to encode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from aelab.data.tables.columns import Columns
from aelab.errors import UserError


def check_observed(
    parts: Mapping[str, np.ndarray],
    name: str,
    origins: Mapping[str, Mapping[str, np.ndarray]],
    columns: Columns | None,
    shape: Sequence[int],
) -> None:
    """Raise UserError for an example without any value, and for a value that a part lacks in all its examples.

    ``parts``: raw examples ``[n, D]``; ``origins``: where they were read, by part; ``shape``: of one example.
    """
    for part, x in parts.items():
        if (nothing := np.isnan(x).all(1)).any():
            row = int(origins[part]["row"][int(nothing.argmax())])
            raise UserError(
                f"data={name}: example {row} (counted from 0) has no value at all ({int(nothing.sum())} such in the "
                f"{part} part), so no error can be measured of it; remove it"
            )
        if (empty := np.isnan(x).all(0)).any():
            value = int(empty.argmax())
            where = (
                f"column {columns.names[value]}"
                if columns
                else f"value {[int(place) for place in np.unravel_index(value, shape)]}"
            )
            raise UserError(
                f"data={name}: {where} has no value in the whole {part} part "
                f"of {len(x)} rows, so nothing of it can be "
                f"{'learned' if part == 'train' else 'measured'}; leave it out of data.columns, or use another "
                "data.split_seed"
            )
