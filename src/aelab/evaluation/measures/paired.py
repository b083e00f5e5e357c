"""A method minus another on the same test examples: its 95 % interval over them, and over replicas."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aelab.evaluation.measures.replicated import BOTH, EXAMPLES
from aelab.evaluation.measures.two_sources import half_width
from aelab.evaluation.protocol import Score


def minus(own: Sequence[Score], other: Score) -> tuple[float, float | None, float | None]:
    """The mean of K replicas' scores (K = 1: of one model) minus another method's, and the ends of its interval.

    The variance over examples is that of the mean over replicas of their ``parts`` less the other's: DeLong's (1988) of
    two areas, a paired t of means. That over replicas is added with its own t quantile. No ends where the parts are not
    of the same examples, or nothing tells the two apart.
    """
    value = math.fsum(score.value for score in own) / len(own) - other.value
    shapes = {tuple(len(part) for part in score.parts) for score in (*own, other)}
    if len(shapes) > 1 or not other.parts or min(map(len, other.parts)) < 2:
        return value, None, None
    apart = [
        np.mean(some, axis=0) - part for *some, part in zip(*(score.parts for score in (*own, other)), strict=True)
    ]
    se_examples = math.sqrt(math.fsum(float(part.var(ddof=1)) / len(part) for part in apart))
    spread = [score.value for score in own]
    se_replicas = float(np.std(spread, ddof=1)) / math.sqrt(len(own)) if len(own) > 1 else 0.0
    half = half_width(min(map(len, apart)), max(2, len(own)), se_examples, se_replicas)
    return (value, value - half, value + half) if 0 < half < math.inf else (value, None, None)


def differences(own: Sequence[Sequence[Score]], beside: Mapping[str, Sequence[Score]]) -> list[dict[str, Any]]:
    """Rows of a run's scores (one list a replica) minus those of every method beside it, by metric, where both have it
    and its interval is known."""
    rows = []
    for method, scores in beside.items():
        others = {score.metric: score for score in scores}
        for same in zip(*own, strict=True):
            other = others.get(same[0].metric)
            if other is None or (found := minus(same, other))[1] is None:
                continue
            ends = dict(zip(("value", "low", "high"), found, strict=True))
            over = BOTH if len(same) > 1 else EXAMPLES
            rows.append({"method": method, "metric": same[0].metric, **ends, "replicas": len(same), "over": over})
    return rows
