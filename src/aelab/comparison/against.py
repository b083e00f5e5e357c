"""Every setting of a task beside a reference: which one that is, and the paired differences to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from aelab.comparison.groups import Comparison, Group
from aelab.comparison.paired import QUANTITIES, Difference, Interval, difference, difference_to_pca, holm
from aelab.comparison.swept import factors, short_names
from aelab.comparison.wording import plain, shown
from aelab.errors import UserError
from aelab.runs.per_example import Contributions, read_contributions

PCA = "pca"


class Beside(NamedTuple):
    """One setting's adjusted differences to its reference, by quantity; ``label`` and ``reference`` are text."""

    label: str
    reference: str
    group: Group
    intervals: dict[str, Interval]


class Differences(NamedTuple):
    """Those of one task. ``without``: labels of settings that have none. ``units``: the fewest replicas or seeds they
    rest on; 0 where single models are compared, whose intervals are over test examples alone."""

    task: str
    found: list[Beside]
    without: list[str]
    units: int


def paired_differences(comparison: Comparison, against: str | None = None) -> list[Differences]:
    """For every task of two or more settings: each beside the reference that ``against`` names.

    ``against``: ``pca``; a setting as ``key=value``, several joined by commas, or a value that one key has; None: the
    best by validation. Where several settings fit, each is set beside the one that shares its other keys. A family
    of comparisons, which Holm's adjustment is for, is all settings of a task for one quantity.

    Raises UserError where nothing fits ``against``.
    """
    tasks = {label: groups for label, groups in comparison.problems().items() if groups}
    chosen = None if against in (None, PCA) else _chosen(comparison, str(against))
    result = []
    for task, groups in tasks.items():
        references = [group for group in groups if chosen is not None and _fits(group, chosen)]
        if against is None:
            references = groups[:1]
        if len(groups) < 2 and against != PCA:
            continue
        pairs = _pairs(groups, references, set(chosen or ()), comparison.keys, against == PCA)
        if pairs:
            result.append(_of_task(task, pairs, comparison.keys))
    if against not in (None, PCA) and not result:
        raise UserError(f"against={against}: no setting of these runs fits; {_choices(comparison)}")
    return result


def _of_task(task: str, pairs: Sequence[tuple[Group, Group | None]], keys: Sequence[str]) -> Differences:
    kept: dict[int, Mapping[str, Contributions]] = {}

    def read(group: Group) -> Mapping[str, Contributions]:
        if id(group) not in kept:
            kept[id(group)] = contributions(group)
        return kept[id(group)]

    raw: dict[str, dict[int, Difference]] = {quantity: {} for quantity in QUANTITIES}
    for index, (group, reference) in enumerate(pairs):
        for quantity in QUANTITIES:
            one = (
                difference_to_pca(read(group), quantity)
                if reference is None
                else difference(read(group), read(reference), quantity)
            )
            if one:
                raw[quantity][index] = one
    adjusted = {name: dict(zip(some, holm(list(some.values())), strict=True)) for name, some in raw.items()}
    found = []
    without = []
    for index, (group, reference) in enumerate(pairs):
        label = group.label(keys) or group.label(["model"])
        intervals = {quantity: adjusted[quantity][index] for quantity in QUANTITIES if index in adjusted[quantity]}
        beside = "PCA with the same code size" if reference is None else reference.label(keys)
        if intervals:
            found.append(Beside(label, beside, group, intervals))
        else:
            without.append(label)
    return Differences(
        task, found, without, min((one.units for some in raw.values() for one in some.values()), default=0)
    )


def contributions(group: Group) -> dict[str, Contributions]:
    """What the runs of a group kept of each example, by seed; a run without it is left out."""
    found = {str(run.seed): read_contributions(run.directory, run.setting) for run in group.runs if run.readable}
    return {seed: one for seed, one in found.items() if one is not None}


def _pairs(
    groups: Sequence[Group], references: Sequence[Group], named: set[str], keys: Sequence[str], to_pca: bool
) -> list[tuple[Group, Group | None]]:
    """Each setting with its reference: the only one, or the one that shares the keys that were not named."""
    if to_pca:
        return [(group, None) for group in groups if group.pca() is not None]
    # a model's own weight goes with the model
    with_them = {key for factor, some in factors(keys).items() for key in some if factor in named}
    rest = [key for key in keys if key not in named | with_them]
    pairs: list[tuple[Group, Group | None]] = []
    for group in groups:
        alike = [one for one in references if all(one.value(key) == group.value(key) for key in rest)]
        reference = references[0] if len(references) == 1 else alike[0] if len(alike) == 1 else None
        if reference is not None and reference is not group:
            pairs.append((group, reference))
    return pairs


def _fits(group: Group, chosen: Mapping[str, str]) -> bool:
    return all(shown(group.value(key)) == value for key, value in chosen.items())


def _chosen(comparison: Comparison, against: str) -> dict[str, str]:
    """The dotted keys and values that ``against`` names."""
    names = {short: key for key, short in short_names(comparison.keys).items()}
    found: dict[str, str] = {}
    for part in against.split(","):
        key, equals, value = part.rpartition("=")
        if equals:
            found[names.get(key.strip(), key.strip())] = _normal(value)
            continue
        having = [
            key for key in comparison.keys for group in comparison.groups if shown(group.value(key)) == _normal(value)
        ]
        if len(set(having)) != 1:
            fault = "no swept key has" if not having else f"{' and '.join(sorted(set(having)))} have"
            raise UserError(f"against={against}: {fault} the value {plain(value)}; {_choices(comparison)}")
        found[having[0]] = _normal(value)
    return found


def _normal(value: str) -> str:
    """As configuration values are shown: 16.0 is 16."""
    number: Any = value.strip()
    try:
        return shown(float(number))
    except ValueError:
        return str(number)


def _choices(comparison: Comparison) -> str:
    known = {key: sorted({shown(group.value(key)) for group in comparison.groups}) for key in comparison.keys}
    told = "; ".join(f"{key}={', '.join(values[:8])}" for key, values in known.items())
    return f"choose pca, or among {plain(told, 300)}" if told else "choose pca"
