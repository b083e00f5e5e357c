"""Arrays as people hand them over, as tensors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aelab.errors import UserError


def as_tensor(x: Any) -> Tensor:
    """Real numbers as a tensor of their type: of a tensor, an array of any layout and byte order, lists, or a sparse
    matrix of SciPy. What is masked becomes NaN.

    Raises UserError for anything else.
    """
    if isinstance(x, Tensor):
        if x.is_complex():
            raise UserError("complex numbers; give their real parts or magnitudes")
        return x
    try:
        found = np.asarray(x.toarray() if hasattr(x, "toarray") else x)
        if np.ma.is_masked(x):
            found = np.ma.filled(x.astype(np.float64), np.nan)
        if found.dtype == object:
            found = found.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise UserError(f"no array of numbers ({error}); give floats or uint8") from error
    if found.dtype.kind not in "biuf":
        raise UserError(f"an array of {found.dtype}; give floats or uint8")
    if found.dtype.itemsize > 8:
        found = found.astype(np.float64)
    native = found.astype(found.dtype.newbyteorder("="), copy=False)
    return torch.from_numpy(np.require(native, requirements=["C", "W"]))


def check_bytes(values: Tensor, white: int | None, directory: Path) -> None:
    """UserError for pixels that are whole numbers above 1 in a type that does not tell what is white. ``white``: of
    those in uint16, where that is known."""
    known = (torch.uint8, torch.bool, *((torch.uint16,) if white else ()))
    whole = not values.is_floating_point() and values.dtype not in known
    if whole and values.numel() and (most := values.long().max().item()) > 1:
        raise UserError(
            f"{directory}: pixels as {values.dtype} up to {most}, which may mean anything; "
            "give 0..255 as uint8, x.astype(np.uint8), or floats from 0 to 1"
        )


def only_numbers(X: Any) -> Any:
    """The same; UserError for times, which would count as nanoseconds, and for masked values, which would count."""
    dtypes = list(X.dtypes) if hasattr(X, "iloc") and hasattr(X, "columns") else [getattr(X, "dtype", None)]
    if any(getattr(dtype, "kind", "O") in "mM" for dtype in dtypes):
        raise UserError("X: times are no numbers; leave them out, or give seconds as floats")
    if np.ma.is_masked(X):
        raise UserError("X: some values are masked; fill them first, X.filled(...)")
    return X
