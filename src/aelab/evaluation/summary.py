"""Scores of one or several coders as rows: one for each method and metric, with a 95 % interval."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aelab.evaluation.measures.replicated import EXAMPLES, over_both
from aelab.evaluation.protocol import Score


def rows(method: str, scores: Sequence[Sequence[Score]]) -> list[dict[str, Any]]:
    """Rows of a method from the scores of its replicas (one list each), with what their intervals cover (``over``).

    Several replicas give their mean, and an interval for other replicas and other test examples; one keeps the interval
    it has, over test examples.
    """
    found = []
    for same in zip(*scores, strict=True):
        value = math.fsum(score.value for score in same) / len(same)
        low, high, over = over_both(same) if len(same) > 1 else (same[0].low, same[0].high, EXAMPLES)
        row = {"method": method, "metric": same[0].metric, "value": value, "low": low, "high": high}
        found.append(row | {"replicas": len(same)} | ({} if low is None else {"over": over}))
    return found


def told_of(question: object, found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with what the intervals of an evaluation are for, where that is something else than test examples."""
    units = getattr(question, "over", EXAMPLES)
    return [row | {"over": row["over"].replace(EXAMPLES, units)} if row.get("over") else row for row in found]


def flat(evaluation: str, found: Iterable[Mapping[str, Any]], own: str) -> dict[str, float]:
    """Rows as metrics: ``<evaluation>/<metric>`` of the method ``own``, with ``_<method>`` behind it of others."""
    return {
        f"{evaluation}/{row['metric']}" + ("" if row["method"] == own else f"_{row['method']}"): row["value"]
        for row in found
    }


def table(found: Sequence[Mapping[str, Any]], sign: str = "") -> list[list[str]]:
    """Headings, then one line a metric with a column for every method; ``sign``: ``+`` shows that of every number."""
    methods = list(dict.fromkeys(row["method"] for row in found))
    cells = {(row["metric"], row["method"]): _cell(row, sign) for row in found}
    metrics = dict.fromkeys(row["metric"] for row in found)
    lines = [[metric, *(cells.get((metric, method), "") for method in methods)] for metric in metrics]
    return [["", *methods], *lines]


def _cell(row: Mapping[str, Any], sign: str) -> str:
    value = row["value"]
    low = row.get("low")
    high = row.get("high")
    if low is None or high is None or not 1e-9 * abs(value) < high - low < math.inf:
        return f"{value:{sign}.4g}"
    digits = min(6, max(0, 1 - math.floor(math.log10((high - low) / 2))))
    return f"{value:{sign}.{digits}f} ({low:{sign}.{digits}f} to {high:{sign}.{digits}f})"
