"""Neighbours of an ordering as paired differences: the same test examples and, seed by seed, the same rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from aelab.comparison.paired import difference, holm
from aelab.comparison.runs import RunRecord
from aelab.reproducing.paper import Choice, Ordering, Place, picks
from aelab.runs.per_example import PCA_NAMES, Contributions, read_contributions

_QUANTITIES = {f"test/{name}": name for name in PCA_NAMES} | {
    f"test/pca_{name}": theirs for name, theirs in PCA_NAMES.items()
}


@dataclass(frozen=True)
class Gap:
    """What stands higher minus what stands lower, in the ordering's unit, and its 95 % interval, adjusted by Holm for
    the number of neighbours in the ordering. ``lower``, ``higher``: metric and choice of runs."""

    lower: tuple[str, Choice]
    higher: tuple[str, Choice]
    value: float
    low: float
    high: float


def gaps(ordering: Ordering, runs: Sequence[RunRecord]) -> list[Gap]:
    """Of the neighbours whose runs kept what pairs need."""
    found = []
    for lower, higher in pairwise(ordering.lowest_first):
        sides = _contributions(higher, runs), _contributions(lower, runs)
        one = difference(*sides, "error")
        if one is not None and not math.isnan(one.half()):
            found.append((lower, higher, one))
    intervals = holm([one for *_, one in found])
    return [
        Gap((lower.metric, lower.of), (higher.metric, higher.of), *interval)
        for (lower, higher, _), interval in zip(found, intervals, strict=True)
    ]


def _contributions(place: Place, runs: Sequence[RunRecord]) -> dict[str, Contributions]:
    """By seed, the place's metric under the name ``error``; nothing where a seed has several values of it."""
    picked: dict[str, RunRecord] = {}
    for run in runs:
        if place.metric in run.metrics and picks(place.of, run.config):
            first = picked.setdefault(str(run.seed), run)
            if first.metrics[place.metric] != run.metrics[place.metric]:
                return {}
    found = {seed: _of_run(place, run) for seed, run in picked.items()}
    return {seed: one for seed, one in found.items() if one is not None}


def _of_run(place: Place, run: RunRecord) -> Contributions | None:
    evaluation, _, metric = place.metric.partition("/")
    evaluation = "" if evaluation == "test" else evaluation
    kept = read_contributions(run.directory, run.setting, evaluation)
    if kept is None:
        return None
    name: Any = metric if evaluation else _QUANTITIES.get(place.metric, metric)
    times = place.times
    if name == "mse" and name not in kept.examples and run.units.is_squared and run.metrics.get("test/error"):
        name = "error"  # of every value instead of their sum
        times *= run.metrics["test/mse"] / run.metrics["test/error"]
    if name not in kept.examples:
        return None
    left_out = {"error": times * kept.left_out[name]} if name in kept.left_out else {}
    return Contributions({"error": times * kept.examples[name]}, left_out, kept.units)
