"""How far the values of many examples reach, told a few examples at a time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor


class Extent(NamedTuple):
    """``low``, ``high`` and ``total`` of each value over what is ``known``, the number of them; float64 ``[D]``."""

    low: Tensor
    high: Tensor
    total: Tensor
    known: Tensor


def extent_of(chunks: Iterable[Tensor], weight: Tensor | None = None) -> Extent:
    """That of examples ``[n, D]``; NaN is a missing value. ``weight``: what each of them all counts in ``total`` and
    ``known``, ``[N]``.

    Only sums stay: small tensors that are kept between large ones that come and go would keep the C library from
    using memory again, and a table of any length would take as much as it is long.
    """
    found: Extent | None = None
    start = 0
    for chunk in chunks:
        x = chunk.double()
        gaps = x.isnan()
        low = x.masked_fill(gaps, torch.inf).amin(0)
        high = x.masked_fill(gaps, -torch.inf).amax(0)
        if weight is None:
            one = Extent(low, high, x.nansum(0), (~gaps).sum(0).double())
        else:
            counts = weight[start : start + len(x), None]
            one = Extent(low, high, (x * counts).nansum(0), (~gaps * counts).sum(0))
        start += len(x)
        if found is None:
            found = one
            continue
        torch.minimum(found.low, one.low, out=found.low)
        torch.maximum(found.high, one.high, out=found.high)
        found.total.add_(one.total)
        found.known.add_(one.known)
    assert found is not None, "a training part has examples"
    return found
