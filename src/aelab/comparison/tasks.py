"""Runs are one task if their errors are comparable: the same test examples, told by content, and the same error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from aelab.comparison.wording import plain, shown

if TYPE_CHECKING:
    from aelab.comparison.groups import Group
    from aelab.comparison.runs import RunRecord

Task = tuple[str, ...]


def task_of(run: RunRecord) -> Task:
    """What names a task. A run from before fingerprints were kept, or that came to none, is known by its settings.

    The test part's fingerprint is that of its values as the model sees them, so that two tables of one name, or one
    table standardised in two ways, are two tasks, and a sweep over the number of training examples is one.
    """
    error = shown(run.config.get("error"))
    return (run.fingerprint, error) if run.fingerprint else (*_settings(run), error)


def tasks(groups: Sequence[Group], keys: Sequence[str]) -> dict[str, list[Group]]:
    """The configurations by task, under labels that tell the tasks apart; ``keys``: of the comparison."""
    found: dict[Task, list[Group]] = {}
    for group in groups:
        found.setdefault(task_of(group.runs[0]), []).append(group)
    names = labels([members[0].runs[0] for members in found.values()], keys)
    return dict(zip(names, found.values(), strict=True))


def labels(runs: Sequence[RunRecord], keys: Sequence[str]) -> list[str]:
    """A label for each task, of one of its runs each: data and error where they differ; where that is not enough, also
    the file's stem; where that is not, either, the first digits of the fingerprint."""
    told = [key for key in ("data", "error") if key in keys]
    found = [", ".join(shown(run.config.get(key)) for key in told) for run in runs]
    for more in (_stem, _digits):
        twice = {label for label, count in Counter(found).items() if count > 1}
        found = [
            ", ".join(part for part in (label, more(run)) if part) if label in twice else label
            for label, run in zip(found, runs, strict=True)
        ]
    return [label if found.count(label) == 1 else f"{label} ({index})" for index, label in enumerate(found, 1)]


def joined(run: RunRecord, known: dict[str, list[Group]], keys: Sequence[str]) -> str:
    """The label of the task that an unfinished run belongs to: one of ``known`` by content or settings, or its own."""
    own = task_of(run), (*_settings(run), shown(run.config.get("error")))
    for label, groups in known.items():
        for other in (one for group in groups for one in group.runs):
            if task_of(other) == own[0] or (
                not run.fingerprint and (*_settings(other), shown(other.config.get("error"))) == own[1]
            ):
                return label
    return labels([run], keys)[0]


def _settings(run: RunRecord) -> Task:
    return shown(run.config.get("data")), str(run.config.get("data.path", ""))


def _stem(run: RunRecord) -> str:
    path: Any = run.config.get("data.path")
    return plain(PurePath(path).stem, 40) if isinstance(path, str) else ""


def _digits(run: RunRecord) -> str:
    return plain(run.fingerprint or "", 6)
