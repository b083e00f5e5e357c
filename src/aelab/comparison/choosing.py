"""What is best is chosen on the validation part, and reported on the test part."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from aelab.comparison.finite import finite

if TYPE_CHECKING:
    from aelab.comparison.groups import Group

TESTED = "test/error"


def criterion(groups: Iterable[Group]) -> str:
    """The metric by which the configurations of one task are ordered: the lowest is best.

    Their runs' own monitor where all have the same one, else ``val/error``; of runs that recorded neither,
    ``test/error``, which is no choice on validation, as ``chosen_in_words`` says.
    """
    known = [group for group in groups if finite(group.mean(TESTED))]
    monitors = {run.monitor for group in known for run in group.runs}
    wanted = [*(monitors if len(monitors) == 1 else ()), "val/error"]
    for metric in wanted:
        if known and all(metric in run.metrics for group in known for run in group.runs):
            return metric
    return TESTED


def best_first(groups: Sequence[Group]) -> list[Group]:
    """The configurations of one task by rising ``criterion``, means over seeds; those that diverged come last."""
    metric = criterion(groups)

    def rank(group: Group) -> tuple[bool, float]:
        value = group.mean(metric) if finite(group.mean(TESTED)) else None
        return (False, value) if finite(value) else (True, math.inf)

    return sorted(groups, key=rank)


def chosen_in_words(groups: Sequence[Group]) -> str:
    """How the best was chosen, to be read after "best by"."""
    metric = criterion(groups)
    return metric if metric != TESTED else "test/error, as these runs have no val/error in common"
