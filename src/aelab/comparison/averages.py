"""A metric averaged over a swept key, beside the same figure of the baselines."""

import math
from collections.abc import Sequence

from aelab.comparison.groups import Group, t_interval
from aelab.errors import UserError


def averages(groups: Sequence[Group], metric: str) -> list[tuple[str, float, float, float | None]]:
    """(name, mean over groups, mean of own minus it, half of the difference's 95 % t-interval), own values first.

    Baselines are the metrics called ``<metric>_<name>`` that every group has. The interval is over groups: had others
    of their kind been taken.
    """
    found = [set(group.runs[0].metrics) for group in groups]
    own = [group.mean(metric) for group in groups]
    if missing := sum(value is None for value in own):
        raise UserError(f"{metric}: missing in {missing} of {len(own)} configurations")
    values = [value for value in own if value is not None]
    lines: list[tuple[str, float, float, float | None]] = [("own", math.fsum(values) / len(values), 0.0, None)]
    for name in sorted(name for name in set.intersection(*found) if name.startswith(f"{metric}_")):
        beside = [group.mean(name) or 0.0 for group in groups]
        differences = [mine - other for mine, other in zip(values, beside, strict=True)]
        difference = math.fsum(differences) / len(values)
        short = name.removeprefix(f"{metric}_")
        lines.append((short, math.fsum(beside) / len(values), difference, t_interval(differences)))
    return lines
