"""Values that tell a model nothing: constant ones, and those that float32 cannot tell apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

STEPS = 256  # of float32 within the range of a value; with fewer it is coarser than a byte
SHOWN = 5


def flat_values(chunks: Iterable[Tensor], names: Sequence[str] | None, standardize: bool) -> list[str]:
    """Lines that name such values of examples ``[n, D]``; ``names``: of the columns, else values are counted from 0."""
    low, high = (torch.stack(found) for found in zip(*(_range(chunk) for chunk in chunks), strict=True))
    least, most = low.amin(0).numpy(), high.amax(0).numpy()
    constant = np.flatnonzero(least == most)
    lines = []
    if len(constant):
        which = _listed(constant, names)
        lines.append(f"{which} {'is' if len(constant) == 1 else 'are'} the same in every training example")
    with np.errstate(over="ignore", invalid="ignore"):
        step = np.spacing(np.maximum(abs(least), abs(most)).astype(np.float32)).astype(np.float64)
        coarse = np.flatnonzero((least < most) & (step * STEPS > most - least))
    if len(coarse) and not standardize:
        first = coarse[0]
        lines.append(
            f"{_listed(coarse, names)}: float32 has steps of {step[first]:g} there, in a range of "
            f"{most[first] - least[first]:g}, and cannot tell values apart; use data.standardize=true"
        )
    return lines


def _range(chunk: Tensor) -> tuple[Tensor, Tensor]:
    x, gaps = chunk.double(), chunk.isnan()
    return x.masked_fill(gaps, torch.inf).amin(0), x.masked_fill(gaps, -torch.inf).amax(0)


def _listed(which: np.ndarray, names: Sequence[str] | None) -> str:
    shown = ", ".join(str(i) if names is None else names[i] for i in which[:SHOWN])
    more = f" and {len(which) - SHOWN} more" if len(which) > SHOWN else ""
    kind = "value" if names is None else "column"
    return f"{kind}{'s' * (len(which) > 1)} {shown}{more}"
