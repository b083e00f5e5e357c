"""A sweep over several pools of data: what a regulariser does in every one of them, and on average."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from aelab.comparison.against import Beside, paired_differences
from aelab.comparison.groups import Comparison, Group, t_interval
from aelab.comparison.paired import QUANTITIES
from aelab.comparison.wording import shown
from aelab.errors import UserError
from aelab.runs.record import is_number

LEVELS = ("test/error", "test/bias2", "test/variance", "test/pca_error", "test/pca_bias2", "test/pca_variance")


class Change(NamedTuple):
    """A paired difference over P pools: its mean, half of the 95 % t-interval over the pools (None for one pool), and
    the number of pools whose own interval, adjusted by Holm, lies below and above 0."""

    mean: float
    half: float | None
    below: int
    above: int
    pools: int


class Setting(NamedTuple):
    """One setting's means over the pools by metric, and its changes by quantity; the reference itself has none."""

    label: str
    levels: dict[str, float]
    changes: dict[str, Change]


def over_pools(comparison: Comparison, against: str, pool: str = "data.split_seed") -> list[Setting]:
    """Every setting, by its swept values, with its differences to ``against`` (as ``compare`` takes it).

    ``pool``: the swept key that draws the training examples anew. Differences are taken within a pool, where both
    settings share examples, rows and seeds.

    Raises UserError where ``pool`` was not swept or nothing fits ``against``.
    """
    if pool not in comparison.keys:
        known = ", ".join(comparison.keys) or "none"
        raise UserError(f"{pool}: not swept over in these runs; sweep it, {pool}=0,1,2, or choose among {known}")
    keys = [key for key in comparison.keys if key != pool]
    by_group = {id(one.group): one for each in paired_differences(comparison, against) for one in each.found}
    members: dict[str, list[Group]] = {}
    for group in sorted(comparison.groups, key=lambda one: [_place(one.value(key)) for key in keys]):
        members.setdefault(group.label(keys), []).append(group)
    return [_setting(label, groups, [by_group.get(id(group)) for group in groups]) for label, groups in members.items()]


def _place(value: Any) -> tuple[bool, float, str]:
    """Numbers by size, before text by its letters."""
    return (False, float(value), "") if is_number(value) else (True, 0.0, shown(value))


def _setting(label: str, groups: Sequence[Group], beside: Sequence[Beside | None]) -> Setting:
    levels = {}
    for metric in LEVELS:
        means = [mean for group in groups if (mean := group.mean(metric)) is not None]
        if len(means) == len(groups):
            levels[metric] = math.fsum(means) / len(means)
    changes = {}
    for quantity in QUANTITIES:
        found = [one.intervals[quantity] for one in beside if one is not None and quantity in one.intervals]
        if found:
            values = [one.value for one in found]
            below = sum(one.high < 0 for one in found)
            above = sum(one.low > 0 for one in found)
            changes[quantity] = Change(math.fsum(values) / len(values), t_interval(values), below, above, len(found))
    return Setting(label, levels, changes)
