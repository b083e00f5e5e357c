"""What stands beside the values of examples, in the same rows: what is given, and what each example counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from aelab.data.given import LABEL, Given, Raw, fit_given, label_column
from aelab.data.source import Source
from aelab.errors import UserError


def names_of(given: Sequence[str | int] | str | int | None) -> list[str]:
    """The names in ``data.given``, in order, each once."""
    some = [given] if isinstance(given, (str, int)) else given or []
    return list(dict.fromkeys(map(str, some)))


def given_columns(some: Source, names: Sequence[str], name: str) -> tuple[Raw, tuple[str, ...]]:
    """The given columns of a part as read, and which are categories; of data without columns the labels.

    Raises UserError where data ``name`` have no such thing.
    """
    if some.given:
        return some.given, some.categorical
    if list(names) != [LABEL]:
        raise UserError(
            f"data.given={names[0] if len(names) == 1 else list(names)} data={name}: what can be given beside these "
            "examples is their label; use data.given=label"
        )
    if some.labels is None:
        raise UserError(f"data.given=label data={name}: there are no labels; use data with labels, or leave it out")
    values, is_category = label_column(some.labels)
    return {LABEL: values}, (LABEL,) if is_category else ()


def given_parts(
    parts: Mapping[str, Source], names: Sequence[str], name: str, known: Given | None
) -> tuple[Given, dict[str, np.ndarray]]:
    """What is given beside the examples of each part, float32 ``[n, G]``, by the training rows.

    ``known``: of a run whose data these are. Raises UserError as ``fit_given`` and ``Given.values`` do.
    """
    key = f"data.given data={name}"
    raw, categorical = given_columns(parts["train"], names, name)
    fitted = known or fit_given(raw, categorical, key, parts["train"].weight)
    found = {}
    for part, some in parts.items():
        rows = some.origin.get("row")
        found[part] = fitted.values(given_columns(some, names, name)[0], f"{key}: the {part} part", rows)
    return fitted, found


def counted(split: Mapping[str, np.ndarray], weight: np.ndarray, key: str, row: np.ndarray) -> dict[str, np.ndarray]:
    """The rows of each part without those of weight 0, which count nowhere. ``row``: their numbers, ``[N]``.

    Raises UserError, which begins with ``key``, for a weight that is none, and where a part would have no row.
    """
    odd = ~np.isfinite(weight) | (weight < 0)
    if odd.any():
        first = int(odd.argmax())
        raise UserError(
            f"{key}: {weight[first]:g} in row {row[first]} (counted from 0), {int(odd.sum())} such; a weight is a "
            "number of 0 or more: mend the row, or leave it out"
        )
    found = {part: rows[weight[rows] > 0] for part, rows in split.items()}
    if not (weight > 0).any():
        raise UserError(f"{key}: all weights are 0, so no row counts; leave it out")
    for part, rows in found.items():
        if len(split[part]) and not len(rows):
            raise UserError(
                f"{key}: all {len(split[part])} rows of the {part} part have weight 0; use another data.split_seed"
            )
    return found


def widened(values: Tensor, given: np.ndarray | None, weight: np.ndarray | None) -> Tensor:
    """Stored examples ``[n, D]`` with what is given and the weights behind them.

    Pixels in bytes stay so where what is given is 0 or 1, which is then 0 or 255; with weights they become floats.
    """
    parts = [values]
    if values.dtype == torch.uint8 and (weight is not None or (given is not None and not np.isin(given, (0, 1)).all())):
        parts = [values.float().div_(255)]
    scale = 255 if parts[0].dtype == torch.uint8 else 1
    for beside in (given, None if weight is None else weight[:, None]):
        if beside is not None:
            parts.append((torch.from_numpy(beside) * scale).to(parts[0].dtype))
    return torch.cat(parts, 1)
