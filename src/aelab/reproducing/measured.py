"""What the runs of a recipe say to the questions of its paper, and what they cost: from manifests alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aelab.comparison.finite import finite
from aelab.comparison.groups import t_interval
from aelab.comparison.runs import RunRecord, read_runs
from aelab.reproducing.pairs import Gap, gaps
from aelab.reproducing.paper import Choice, Paper, picks
from aelab.runs.manifest import read_manifest

if TYPE_CHECKING:
    from aelab.reproducing.recipe import Recipe


@dataclass(frozen=True)
class Answer:
    """The mean of a metric over the runs that a choice picks, and its 95 % interval where there is one."""

    metric: str
    of: Choice
    mean: float
    low: float | None
    high: float | None
    runs: tuple[str, ...]


@dataclass(frozen=True)
class Measured:
    """An experiment at one size, as far as it has been run.

    ``expected``: ids of the recipe's runs. ``runs``: of those that are complete, other seeds included. ``date``: of
    the last one; ``seconds``: of all, and ``resumed`` where interrupted attempts come on top. ``gaps``: paired
    differences of neighbours in orderings, where the runs kept what pairs need. ``seeds``: how many.
    """

    answers: tuple[Answer, ...]
    expected: tuple[str, ...]
    runs: tuple[str, ...]
    date: str
    device: str
    seconds: float
    resumed: bool
    commit: str
    gaps: tuple[Gap, ...] = ()
    seeds: int = 1

    @property
    def missing(self) -> int:
        """How many of the recipe's runs are not complete."""
        return len(set(self.expected) - set(self.runs))


def measure(recipe: Recipe, paper: Paper) -> Measured | None:
    """What the complete runs of a recipe in its directory found; None where there is none."""
    found = _complete(recipe)
    return summarize(found, paper, tuple(recipe.ids())) if found else None


def summarize(found: Sequence[RunRecord], paper: Paper, expected: tuple[str, ...]) -> Measured:
    """What complete runs say to the paper's questions."""
    manifests = {run.run_id: read_manifest(run.directory) or {} for run in found}
    asked = [answer(metric, choice, found) for metric, choice in paper.questions()]
    timings = [manifest.get("timings") or {} for manifest in manifests.values()]
    return Measured(
        answers=tuple(one for one in asked if one),
        expected=expected,
        runs=tuple(manifests),
        date=max(str(timing.get("finished", ""))[:10] for timing in timings),
        device=", ".join(sorted({_device(manifest) for manifest in manifests.values()})),
        seconds=round(sum(map(_seconds, manifests.values())), 1),
        resumed=any(timing.get("attempts", 1) > 1 for timing in timings),
        commit=", ".join(sorted({_commit(manifest) for manifest in manifests.values()})),
        gaps=tuple(gap for ordering in paper.orderings for gap in gaps(ordering, found)),
        seeds=len({str(run.seed) for run in found}),
    )


def _complete(recipe: Recipe) -> list[RunRecord]:
    """The complete runs of the recipe, with its own seeds or others; one for each setting of varied fits."""
    found = [run for path in sorted(recipe.directory.glob("*/manifest.json")) for run in read_runs(path.parent)]
    allowed = set(recipe.ids())
    for seed in {run.seed for run in found if run.complete and run.run_id not in allowed}:
        allowed |= set(recipe.ids(seed))
    return [run for run in found if run.complete and run.run_id in allowed]


def answer(metric: str, choice: Choice, runs: Sequence[RunRecord]) -> Answer | None:
    """The mean over runs, with the t-interval over seeds, or the run's own where there is only one run."""
    picked = [run for run in runs if picks(choice, run.config) and metric in run.metrics]
    if not picked:
        return None
    by_seed: dict[Any, list[float]] = {}
    for run in picked:
        by_seed.setdefault(run.seed, []).append(run.metrics[metric])
    means = [math.fsum(values) / len(values) for values in by_seed.values()]
    mean = math.fsum(means) / len(means)
    half = t_interval(means)
    low, high = (mean - half, mean + half) if finite(half) else picked[0].intervals.get(metric, (None, None))
    if half is None and len({run.metrics[metric] for run in picked}) > 1:
        low = high = None  # one seed, several settings: no interval of a mean over them
    return Answer(metric, choice, mean, low, high, tuple(run.run_id for run in picked))


def _seconds(manifest: dict[str, Any]) -> float:
    evaluations = (manifest.get("evaluations") or {}).values()
    return (manifest.get("timings") or {}).get("total_s", 0.0) + sum(one.get("seconds", 0) for one in evaluations)


def _device(manifest: dict[str, Any]) -> str:
    machine = manifest.get("machine") or {}
    return machine.get("gpu") or f"{machine.get('cores', '?')} cores, {machine.get('processor', 'unknown')}"


def _commit(manifest: dict[str, Any]) -> str:
    git = manifest.get("git") or {}
    return str(git.get("commit") or "unknown")[:7] + ("+" if git.get("dirty") else "")
