"""The 95 % intervals that a run itself has, over test examples and replicas, as its manifest tells them."""

from collections.abc import Mapping
from typing import Any

from aelab.comparison.finite import finite
from aelab.evaluation.measures.two_sources import Interval, half_width
from aelab.runs.record import is_number

FEWEST_TRUSTED = 5
"""Replicas from which on the variance's interval holds the truth as often as it says."""
_PARTS = ("_se", "_se_examples", "_se_replicas", "_low", "_high")


def is_uncertainty(metric: str, metrics: Mapping[str, Any] | set[str]) -> bool:
    """Whether a metric is the standard error of another one or an end of its interval."""
    return any(metric.endswith(part) and metric.removesuffix(part) in metrics for part in _PARTS)


def own_intervals(metrics: Mapping[str, float], examples: float | None, drawn: int | None) -> dict[str, Interval]:
    """By metric: the ends that the manifest has; of manifests from before it had them, by t from standard errors.

    ``examples``: N of the test part. ``drawn``: K replicas, or the data sets or partitions that take their place.
    A standard error whose parts or numbers are not told gives an interval by t of the smaller number; where neither is
    told, none.
    """
    found: dict[str, Interval] = {}
    for name, value in metrics.items():
        low = metrics.get(f"{name}_low")
        high = metrics.get(f"{name}_high")
        if finite(low) and finite(high):
            found[name] = (low, high)
        elif finite(error := metrics.get(f"{name}_se")) and drawn:
            parts = metrics.get(f"{name}_se_examples"), metrics.get(f"{name}_se_replicas")
            if examples and finite(parts[0]) and finite(parts[1]):
                half = half_width(examples, drawn, parts[0], parts[1])
            else:
                half = half_width(drawn, min(drawn, examples or drawn), 0.0, error)
            if finite(half):
                found[name] = (value - half, value + half)
    return found


def drawn_by(record: Mapping[str, Any]) -> int | None:
    """How many replicas (data sets, partitions) the intervals of a run rest on; None of a run without any."""
    replicas = record.get("replicas")
    if not isinstance(replicas, Mapping):
        return None
    if replicas.get("units"):
        return int(replicas["units"])
    plan = (record.get("config") or {}).get("replicas")
    plan = plan if isinstance(plan, Mapping) else {}
    several = plan.get("partitions") if is_number(plan.get("partitions")) and plan["partitions"] > 1 else None
    count = several or plan.get("data_sets") or replicas.get("count")
    return max(1, int(count) - len(replicas.get("diverged") or ())) if is_number(count) and finite(count) else None
