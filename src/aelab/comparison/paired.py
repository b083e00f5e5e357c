"""Differences between settings in pairs: on the same test examples and, replica by replica, the same rows and seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from aelab.comparison.groups import Group
from aelab.evaluation.measures.two_sources import half_width
from aelab.runs.per_example import PCA_NAMES, Contributions

QUANTITIES = ("error", "bias2", "variance")
Reader = Callable[[Group], Mapping[str, Contributions] | None]


class Difference(NamedTuple):
    """``value``: a setting's mean minus the reference's, with standard errors over N ``examples`` and U ``units``
    (replicas, data sets, partitions or seeds; 0, and no standard error, where one model stands on each side)."""

    value: float
    se_examples: float
    examples: int
    se_units: float
    units: int

    def half(self, level: float = 0.95) -> float:
        """Half of the interval: each standard error by its own t quantile, added in quadrature."""
        if not self.units:
            return half_width(self.examples, 2, self.se_examples, 0.0, level)
        return half_width(self.examples, self.units, self.se_examples, self.se_units, level)

    def p_value(self) -> float:
        """The level at which the interval begins to hold 0; 0 where no interval but the widest does."""
        size = abs(self.value)
        least = 1e-12
        if size == 0 or math.isnan(self.half()):
            return 1.0
        if size >= self.half(1 - least):
            return 0.0
        from scipy.optimize import brentq  # a quarter of a second, which runs without pairs need not wait

        return float(brentq(lambda p: self.half(1 - p) - size, least, 1.0))


class Interval(NamedTuple):
    """A difference and the ends of its interval, adjusted for the number of comparisons."""

    value: float
    low: float
    high: float


def difference(
    own: Mapping[str, Contributions], other: Mapping[str, Contributions], quantity: str
) -> Difference | None:
    """Of one quantity, between the runs of two groups by seed.

    Seeds that only one of them has are left out. None where there is no common seed, or the quantity was not kept.
    """
    return _between(own, other, quantity, quantity)


def difference_to_pca(own: Mapping[str, Contributions], quantity: str) -> Difference | None:
    """Of one quantity, minus that of PCA with the same code size, fitted to the same rows as each replica.

    Of runs from before that, to PCA of all training rows, whose error alone was kept.
    """
    return _between(own, own, quantity, PCA_NAMES[quantity])


def _between(
    own: Mapping[str, Contributions], other: Mapping[str, Contributions], mine: str, theirs: str
) -> Difference | None:
    pairs = [(own[seed], other[seed]) for seed in own if seed in other]
    pairs = [(a, b) for a, b in pairs if mine in a.examples and theirs in b.examples]
    if not pairs or len({len(a.examples[mine]) for a, _ in pairs} | {len(b.examples[theirs]) for _, b in pairs}) > 1:
        return None
    apart = [a.examples[mine].astype(np.float64) - b.examples[theirs] for a, b in pairs]
    rows = np.mean(apart, axis=0)
    if len(rows) < 2:
        return None
    value = float(rows.mean())
    se_examples = float(rows.std(ddof=1) / math.sqrt(len(rows)))
    if not any(len(one.units) for pair in pairs for one in pair):  # single models
        means = np.array([each.mean() for each in apart])
        se_seeds = float(means.std(ddof=1) / math.sqrt(len(means))) if len(means) > 1 else 0.0
        return Difference(value, se_examples, len(rows), se_seeds, len(means) if len(means) > 1 else 0)
    squares = 0.0
    units = math.inf
    for a, b in pairs:
        left_out = _left_out(a, b, mine, theirs)
        if left_out is None:
            return None
        count = len(left_out)
        squares += (count - 1) / count * float(np.square(left_out - left_out.mean()).sum())
        units = min(units, count)
    return Difference(value, se_examples, len(rows), math.sqrt(squares) / len(pairs), int(units))


def _left_out(a: Contributions, b: Contributions, mine: str, theirs: str) -> np.ndarray | None:
    """The difference without one unit of both, ``[U]``; None where their units are not the same."""
    if mine not in a.left_out:
        return None
    if theirs == PCA_NAMES["error"] and theirs not in b.left_out:
        return a.left_out[mine]  # the same PCA beside every replica
    if theirs not in b.left_out or not np.array_equal(a.units, b.units):
        return None
    return a.left_out[mine] - b.left_out[theirs]


def holm(differences: Sequence[Difference], alpha: float = 0.05) -> list[Interval]:
    """Intervals that leave out 0 exactly where Holm's procedure (1979) rejects it for these comparisons.

    The i-th smallest p-value of m has the level 1 - alpha / (m - i + 1); from the first that is not rejected on, all
    have that one's.
    """
    order = sorted(range(len(differences)), key=lambda index: differences[index].p_value())
    found: dict[int, Interval] = {}
    share = alpha / max(1, len(order))
    stopped = False
    for rank, index in enumerate(order):
        one = differences[index]
        share = share if stopped else alpha / (len(order) - rank)
        half = one.half(1 - share)
        stopped = stopped or abs(one.value) <= half
        found[index] = Interval(one.value, one.value - half, one.value + half)
    return [found[index] for index in range(len(differences))]
