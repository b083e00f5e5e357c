"""Values that tell a model nothing: constant ones, and those that float32 cannot tell apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aelab.data.extent import Extent

STEPS = 256  # of float32 within the range of a value; with fewer it is coarser than a byte
SHOWN = 5


def flat_values(extent: Extent, names: Sequence[str] | None, standardize: bool) -> list[str]:
    """Lines that name such values; ``names``: of the columns, else values are counted from 0."""
    constant = np.flatnonzero(extent.low.numpy() == extent.high.numpy())
    lines = []
    if len(constant):
        which = _listed(constant, names)
        lines.append(f"{which} {'is' if len(constant) == 1 else 'are'} the same in every training example")
    return lines if standardize else lines + coarse_values(extent, names)


def coarse_values(extent: Extent, names: Sequence[str] | None) -> list[str]:
    """A line that names the values that float32 cannot tell apart."""
    least = extent.low.numpy()
    most = extent.high.numpy()
    with np.errstate(over="ignore", invalid="ignore"):
        step = np.spacing(np.maximum(abs(least), abs(most)).astype(np.float32)).astype(np.float64)
        coarse = np.flatnonzero((least < most) & (step * STEPS > most - least))
    if not len(coarse):
        return []
    first = coarse[0]
    return [
        f"{_listed(coarse, names)}: float32 has steps of {step[first]:g} there, in a range of "
        f"{most[first] - least[first]:g}, and cannot tell values apart; use data.standardize=true"
    ]


def _listed(which: np.ndarray, names: Sequence[str] | None) -> str:
    shown = ", ".join(str(i) if names is None else names[i] for i in which[:SHOWN])
    more = f" and {len(which) - SHOWN} more" if len(which) > SHOWN else ""
    kind = "value" if names is None else "column"
    return f"{kind}{'s' * (len(which) > 1)} {shown}{more}"
