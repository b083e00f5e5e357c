"""What is given beside a user's examples and codes, as the model of a run takes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from aelab.data.given import Given, frame_columns
from aelab.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from aelab.trained.run import Run


def given_values(run: Run, given: Any, count: int, frame: pd.DataFrame | None = None) -> Tensor | None:
    """Given values float32 ``[count, G]`` of a run's model; None where it takes none.

    ``given``: of one column one value for all, or ``[count]`` of them; of several such by name, or a frame. None: the
    columns of ``frame``, the user's examples. Raises UserError where they lack, or are none that training had.
    """
    known = run.preprocessing.given
    if known is None:
        if given is not None:
            raise UserError(f"given: {run.directory} was trained without data.given; leave it out")
        return None
    if given is None and frame is None:
        raise UserError(f"{run.directory}: {lacking(known)}")
    try:
        raw = frame_columns(frame, known.names) if given is None and frame is not None else _named(known, given, count)
        values = known.values(raw)
    except UserError as error:
        raise UserError(f"{run.directory}: {error}") from error
    return torch.from_numpy(values)


def lacking(known: Given) -> str:
    """What to do where given values lack."""
    first = known[0]
    example = "0.0" if first.levels is None else repr(first.levels[0])
    wanted = f"given={example}" if len(known) == 1 else f"given={{{', '.join(f'{n!r}: ...' for n in known.names)}}}"
    return (
        f"trained with data.given={known.names[0] if len(known) == 1 else known.names}, it takes "
        f"{', '.join(known.names)} beside each example; pass {wanted}, one value or one for each"
    )


def _named(known: Given, given: Any, count: int) -> dict[str, np.ndarray]:
    """Columns ``[count]`` by name of what a user calls given."""
    if hasattr(given, "columns") and hasattr(given, "__getitem__"):
        frame = given if hasattr(given, "iloc") else given.to_pandas()
        columns: Mapping[str, Any] = frame_columns(frame, known.names)
    elif isinstance(given, Mapping):
        columns = {str(name): value for name, value in given.items()}
    elif len(known) == 1:
        columns = {known[0].name: given}
    else:
        raise UserError(f"given: {len(known)} columns, {', '.join(known.names)}; pass them by name, {lacking(known)}")
    if absent := [name for name in known.names if name not in columns]:
        raise UserError(f"given: no {absent[0]}; {lacking(known)}")
    if more := [name for name in columns if name not in known.names]:
        raise UserError(f"given: {more[0]} is none of {', '.join(known.names)}; leave it out")
    return {name: _repeated(name, columns[name], count) for name in known.names}


def _repeated(name: str, values: Any, count: int) -> np.ndarray:
    plain = values.detach().cpu().numpy() if isinstance(values, Tensor) else values
    found = np.asarray(plain, dtype=object if isinstance(plain, (list, tuple)) else None)
    if found.ndim == 0:
        return np.full(count, found.item(), dtype=object)
    if found.shape != (count,):
        raise UserError(f"given: {name} has shape {list(found.shape)}; one value, or one for each of {count} examples")
    return found
