"""The two or three settings that a label names: those that tell most configurations apart."""

from collections.abc import Sequence

from aelab.comparison.groups import Group
from aelab.comparison.wording import shown

MOST = 3


def telling(groups: Sequence[Group], keys: Sequence[str]) -> list[str]:
    """Of the keys, in their order, no more than ``MOST``: one after the other the one that tells most apart."""
    values = [tuple(shown(group.value(key)) for key in keys) for group in groups]
    chosen: list[int] = []
    while len(chosen) < MOST and _kinds(values, chosen) < _kinds(values, range(len(keys))):
        left = [index for index in range(len(keys)) if index not in chosen]
        chosen.append(max(left, key=lambda index: _kinds(values, [*chosen, index])))  # the first of equals
    return [keys[index] for index in sorted(chosen)]


def _kinds(values: Sequence[tuple[str, ...]], chosen: Sequence[int]) -> int:
    return len({tuple(one[index] for index in chosen) for one in values})
