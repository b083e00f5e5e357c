"""Which figures a comparison asks for."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

from aelab.comparison.against import Differences
from aelab.comparison.figures.bars import error_bars
from aelab.comparison.figures.differences import differences_figure
from aelab.comparison.figures.error_curve import error_curve
from aelab.comparison.figures.evaluation_curves import evaluated_curves
from aelab.comparison.figures.figure import Drawing, SavedFigure, numeric_keys, save
from aelab.comparison.figures.tradeoff import tradeoff
from aelab.comparison.figures.training_curves import training_curves
from aelab.comparison.groups import Comparison, Group
from aelab.comparison.runs import RunRecord
from aelab.comparison.swept import choices, differing_keys
from aelab.comparison.tasks import joined
from aelab.comparison.wording import plain

_MOST_KEYS = 4  # figures of each kind


def draw_figures(comparison: Comparison, directory: Path, differences: Sequence[Differences] = ()) -> list[SavedFigure]:
    """Draw and save every figure the runs have numbers for, and paired ``differences``.

    Errors in different units never share one.
    """
    found = []
    for drawing in chain(drawings(comparison), _paired(differences)):
        try:
            found.append(save(drawing, directory))
        except (ArithmeticError, MemoryError, RuntimeError, ValueError, Warning) as problem:
            # of numbers that no training gives, like 1e308: a run's own, which cost no other run its figure
            print(f"{plain(drawing.title)}: cannot be drawn ({plain(str(problem), 60)})")
    return found


def _paired(differences: Sequence[Differences]) -> Iterator[Drawing]:
    for one in differences:
        if drawing := differences_figure(one):
            yield _named(drawing, one.task)


def _named(drawing: Drawing, problem: str) -> Drawing:
    """A drawing that says which problem it is of, where there are several."""
    if not problem:
        return drawing
    return replace(drawing, name=f"{drawing.name}-{problem}", title=f"{drawing.title}: {problem}")


def drawings(comparison: Comparison) -> Iterator[Drawing]:
    """The figures of each problem (data and error): bias and variance, then the error, then the curves."""
    problems = comparison.problems()
    unfinished: dict[str, list[RunRecord]] = {}
    for run in comparison.unfinished:
        if run.config:
            unfinished.setdefault(joined(run, problems, comparison.keys), []).append(run)
    for problem in dict.fromkeys([*problems, *unfinished]):
        groups = problems.get(problem, [])
        rest = unfinished.get(problem, [])
        for drawing in _of_one_problem(groups, rest, comparison.keys):
            yield _named(drawing, problem)


def _of_one_problem(
    groups: Sequence[Group],
    unfinished: Sequence[RunRecord],
    keys: Sequence[str],
) -> Iterator[Drawing]:
    complete = [group.runs[0] for group in groups]
    swept = _differing(keys, complete)
    numeric = numeric_keys(groups, swept)[:_MOST_KEYS]
    found = [tradeoff(groups, key, swept) for key in numeric]
    found += [error_curve(groups, key, swept) for key in numeric]
    if not numeric:
        found.append(error_bars(groups, swept))
    found.append(training_curves(groups, unfinished, _differing(keys, [*complete, *unfinished])))
    found += evaluated_curves(groups, swept)
    yield from (drawing for drawing in found if drawing is not None)


def _differing(keys: Sequence[str], runs: Sequence[RunRecord]) -> list[str]:
    here = differing_keys(choices(runs))
    return [key for key in keys if key in here]
