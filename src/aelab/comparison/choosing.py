"""What is best is chosen on the validation part, and reported on the test part."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from aelab.comparison.finite import finite
from aelab.comparison.wording import plain
from aelab.errors import UserError

if TYPE_CHECKING:
    from aelab.comparison.groups import Group
    from aelab.comparison.runs import RunRecord

TESTED = "test/error"
WAYS = ("min", "max")


def choose_by(runs: Sequence[RunRecord], best: str) -> list[RunRecord]:
    """The runs, to be chosen by ``best``: ``max:retrieval/val_map``, ``min:val/loss``; a metric of the validation part.

    Raises UserError where it is none, or no run has it.
    """
    way, colon, metric = best.partition(":")
    known = {name for run in runs for name in run.metrics}
    on_val = sorted(name for name in known if name.startswith("val/") or name.partition("/")[2].startswith("val_"))
    if not colon or way not in WAYS:
        raise UserError(f"best={best}: say whether the lowest or the highest is best, best=min:{best or 'val/error'}")
    if metric not in on_val:
        fault = "is not of the validation part" if metric in known else "is in none of these runs"
        raise UserError(f"best={best}: {metric} {fault}; choose among {plain(', '.join(on_val), 300) or 'none'}")
    return [replace(run, monitor=metric, highest=way == "max") for run in runs]


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


def cost(group: Group, metric: str) -> float:
    """The mean of the ``criterion`` over seeds, or minus it where the highest is best; infinite where it diverged."""
    value = group.mean(metric) if finite(group.mean(TESTED)) else None
    if not finite(value):
        return math.inf
    return -value if _is_highest(group, metric) else value


def best_first(groups: Sequence[Group]) -> list[Group]:
    """The configurations of one task by rising ``cost``; those that diverged come last."""
    metric = criterion(groups)
    return sorted(groups, key=lambda group: cost(group, metric))


def chosen_in_words(groups: Sequence[Group]) -> str:
    """How the best was chosen, to be read after "best by"."""
    metric = criterion(groups)
    if metric == TESTED:
        return "test/error, as these runs have no val/error in common"
    return f"the highest {metric}" if any(_is_highest(group, metric) for group in groups) else metric


def _is_highest(group: Group, metric: str) -> bool:
    first = group.runs[0]
    return first.highest and metric == first.monitor
