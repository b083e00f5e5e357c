"""The unit of a run's errors, as its manifest tells it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from aelab.comparison.wording import plain

LONGEST = 100  # letters


class Units(NamedTuple):
    """``label``: what a figure prints. ``is_squared``: whether errors of PCA stand on the same scale."""

    label: str = "error per example"
    is_squared: bool = True


UNKNOWN = Units()
EARLIER = {
    "squared": Units("squared error per example, summed over values", True),
    "cross_entropy": Units("cross-entropy per example, nats", False),
}
"""Of runs from before manifests told it, by the name of their error."""


def units_of(manifest: Mapping[str, Any], name: Any) -> Units:
    """The units in a manifest; where it has none, those of the error of that ``name``, if any."""
    unknown = UNKNOWN if name is None else Units(f"{name} error per example", False)
    known = EARLIER.get(str(name), unknown)
    recorded = manifest.get("units") or {}
    label = recorded.get("label")
    is_squared = recorded.get("is_squared")
    return Units(
        plain(known.label if label is None else label, LONGEST), known.is_squared if is_squared is None else is_squared
    )
