"""Which replicas stand for one training set, and which are left out."""

from collections.abc import Hashable, Sequence

import torch
from torch import Tensor


def design(
    count: int, groups: Sequence[Hashable] | Tensor | None, keep: Sequence[bool] | Tensor | None
) -> tuple[Tensor, tuple[int, ...]]:
    """The replicas in use [U, R], U units (data sets, else replicas) of R replicas; and those not to keep."""
    left_out = () if keep is None else tuple(k for k, kept in enumerate(keep) if not kept)
    ids = range(count) if groups is None else groups.tolist() if isinstance(groups, Tensor) else groups
    if len(ids) != count or (keep is not None and len(keep) != count):
        raise ValueError(f"groups and keep must have one entry for each of the {count} replicas")
    members: dict[Hashable, list[int]] = {}
    for replica, unit in enumerate(ids):
        members.setdefault(unit, []).append(replica)
    sizes = sorted({len(replicas) for replicas in members.values()})
    if groups is not None and (len(sizes) != 1 or sizes[0] < 2):
        raise ValueError(f"every data set needs equally many replicas, 2 or more, but they have {sizes}")
    units = [replicas for replicas in members.values() if not set(replicas) & set(left_out)]
    if len(units) < 2:
        things = "replicas" if groups is None else "data sets"
        raise ValueError(f"the variance needs at least two {things}: {len(units)} left, without {left_out}")
    return torch.tensor(units), left_out
