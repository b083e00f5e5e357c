"""Which jobs of a sweep go to one worker, told from their overrides alone: composing their configs takes longer."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aelab.cli.jobs import Job

# What may differ within a stack; whoever fits the jobs looks at their configs (aelab.fitting.companions).
WITHIN = re.compile(
    r"\+*((seed|data\.seed|data\.split_seed|network\.code_size|optimizer\.lr|replicas|replicas\.\w+|evaluation)="
    r"|(model|corruption)\.\w+=[-+.\de]+$)"
)


def likely_companions(jobs: Sequence[Job], workers: int) -> list[list[Job]]:
    """Jobs in lists, each for one worker: those that may share a stack, in as many lists as keep all workers busy."""
    groups = alike(jobs)
    lists = math.ceil(workers / max(1, len(groups)))
    return [part for group in groups for part in split(group, lists)]


def alike(jobs: Sequence[Job]) -> list[list[Job]]:
    """Jobs in lists of those that may share a stack."""
    groups: dict[tuple[str, ...], list[Job]] = {}
    for job in jobs:
        rest = tuple(override for override in job.overrides if not WITHIN.match(override))
        groups.setdefault(rest, []).append(job)
    return list(groups.values())


def packed(jobs: Sequence[Job], most: int, gains: Callable[[Job], bool]) -> list[list[Job]]:
    """Jobs for the processes of a cluster: at most ``most`` that can share a stack and gain by it in one list.

    ``gains``: asked of the first of those that are alike.
    """
    found = []
    for group in alike(jobs):
        together = most > 1 and len(group) > 1 and gains(group[0])
        found += split(group, math.ceil(len(group) / most) if together else len(group))
    return found


def split(jobs: Sequence[Job], lists: int) -> list[list[Job]]:
    """In about equal lists."""
    count = min(lists, len(jobs))
    bounds = [len(jobs) * number // count for number in range(count + 1)]
    return [list(jobs[start:stop]) for start, stop in pairwise(bounds)]
