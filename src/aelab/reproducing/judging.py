"""The paper's figures and orderings beside ours, with a verdict where there can be one."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from aelab.comparison.wording import ABSENT, number, with_ends
from aelab.reproducing.measured import Answer, Measured
from aelab.reproducing.pairs import Gap
from aelab.reproducing.paper import Choice, Figure, Ordering, Paper, Place, in_words, may_turn_red

NOT_JUDGED = "not judged"
POST_HOC = "post hoc"


@dataclass(frozen=True)
class Row:
    """One line of the table; ``red`` where a check failed that may fail.

    ``state``: the verdict without its remarks: ``reproduced``, ``off`` or ``not judged`` of a figure, ``held``,
    ``tie``, ``reversed`` or ``not judged`` of a pair, ``post hoc`` of one that was chosen after its runs had been seen.
    """

    quantity: str
    ours: str
    paper: str
    difference: str
    verdict: str
    where: str
    tag: str
    runs: tuple[str, ...] = ()
    red: bool = False
    state: str = ""


def rows(paper: Paper, measured: Measured, sizes: Collection[str]) -> list[Row]:
    """A row for each figure, and for each pair of neighbours in an ordering.

    ``sizes``: what size the runs count as; figures and orderings of other sizes get no verdict that can be red.
    """
    found = {_key(one.metric, one.of): one for one in measured.answers}
    paired = {(_key(*gap.lower), _key(*gap.higher)): gap for gap in measured.gaps}
    lines = [_figure(figure, found.get(_key(figure.metric, figure.of)), sizes) for figure in paper.figures]
    for ordering in paper.orderings:
        for lower, higher in pairwise(ordering.lowest_first):
            gap = paired.get((_key(lower.metric, lower.of), _key(higher.metric, higher.of)))
            lines.append(_pair(ordering, lower, higher, found, gap, sizes))
    return lines


def _key(metric: str, choice: Choice) -> tuple[str, str]:
    return metric, repr(sorted(choice.items(), key=lambda pair: pair[0]))


def _figure(figure: Figure, answer: Answer | None, sizes: Collection[str]) -> Row:
    picked = f" ({in_words(figure.of)})" if figure.of else ""
    quantity = f"{figure.unit}{picked}"
    if answer is None:
        return Row(quantity, "not measured", number(figure.value), ABSENT, "", figure.where, figure.tag)
    mean = figure.times * answer.mean
    difference = mean - figure.value
    known = [figure.times * end for end in (answer.low, answer.high) if end is not None]
    low, high = sorted(known) if len(known) == 2 else (None, None)
    state = ""
    verdict = ""
    if figure.within is not None and figure.size in sizes:
        state, verdict = _within(figure.within, [end - figure.value for end in (low, high) if end is not None])
    red = state == "off" and may_turn_red(figure.tag)
    ours = number(mean) if low == high else with_ends(mean, low, high)
    apart = f"{difference:+.3g}"
    return Row(quantity, ours, number(figure.value), apart, verdict, figure.where, figure.tag, answer.runs, red, state)


def _within(tolerance: float, ends: Sequence[float]) -> tuple[str, str]:
    """State and verdict of a difference with these ends of its 95 % interval, none where it has no interval.

    Reproduced where the whole interval lies within the tolerance, off where all of it lies outside.
    """
    if not ends:
        return NOT_JUDGED, f"{NOT_JUDGED} (no interval; within {tolerance:g})"
    if max(map(abs, ends)) <= tolerance:
        return "reproduced", f"reproduced (within {tolerance:g})"
    if min(ends) > tolerance or max(ends) < -tolerance:
        return "off", f"off (by more than {tolerance:g})"
    return NOT_JUDGED, f"{NOT_JUDGED} (the interval reaches beyond {tolerance:g})"


def _pair(
    ordering: Ordering,
    lower: Place,
    higher: Place,
    found: Mapping[tuple[str, str], Answer],
    gap: Gap | None,
    sizes: Collection[str],
) -> Row:
    """Held or reversed where the 95 % interval of the difference leaves out 0, else a tie; not judged without one.

    The interval is that of the paired difference; of runs that did not keep what pairs need, that of two intervals as
    if they were independent, which the verdict says.
    """
    answers = [found.get(_key(place.metric, place.of)) for place in (lower, higher)]
    quantity = f"{ordering.metric}: {lower} < {higher}"
    below, above = answers
    if below is None or above is None:
        return Row(quantity, "not measured", "<", ABSENT, "", ordering.where, ordering.tag)
    means = lower.times * below.mean, higher.times * above.mean
    difference = means[1] - means[0]
    ends = _difference_ends(lower, below, higher, above)
    if gap is not None:
        difference = gap.value
        ends = gap.low, gap.high
    verdict = "held" if difference > 0 else "reversed"
    if ends is None:
        verdict = NOT_JUDGED
    elif ends[0] <= 0 <= ends[1]:
        verdict = "tie within intervals"
    state = POST_HOC if ordering.post_hoc and ends is not None else verdict.partition(" within")[0]
    red = state == "reversed" and ordering.size in sizes and may_turn_red(ordering.tag)
    if ends is not None and gap is None:
        verdict += ", not paired"
    if state == POST_HOC:
        verdict += f", {POST_HOC}"
    ours = f"{number(means[0])} {'<' if difference > 0 else '≥'} {number(means[1])}"
    apart = with_ends(difference, *(ends or (None, None)))
    both = below.runs + above.runs
    return Row(quantity, ours, "<", apart, verdict, ordering.where, ordering.tag, both, red, state)


def overall(lines: Collection[Row]) -> str:
    """One word for an experiment at a size; pairs that were chosen after their runs had been seen decide nothing.

    ``reversed`` where a pair is; ``reproduced`` where every figure that has a tolerance is; ``reproduced in part``
    where some are and none is off; else ``order only`` where a pair is held; else ``off`` where a figure is.
    """
    states = [row.state for row in lines]
    judged = [state for state in states if state in ("reproduced", "off")]
    if "reversed" in states:
        return "reversed"
    if judged and set(judged) == {"reproduced"}:
        return "reproduced" if len(judged) == _figures(lines) else "reproduced in part"
    if "held" in states:
        return "order only"
    if judged:
        return "off"
    return POST_HOC if POST_HOC in states else NOT_JUDGED


def _figures(lines: Collection[Row]) -> int:
    """How many figures have a tolerance."""
    return sum(bool(row.state) and row.paper != "<" for row in lines)


def _difference_ends(lower: Place, below: Answer, higher: Place, above: Answer) -> tuple[float, float] | None:
    """The 95 % interval of ``above - below``, in the ordering's unit: distances to the ends added in quadrature.

    Zou & Donner 2008 (MOVER), for intervals whose ends are not equally far; None where one of them has none.
    """
    known = [
        sorted((place.times * answer.low, place.times * answer.mean, place.times * answer.high))
        for place, answer in ((lower, below), (higher, above))
        if answer.low is not None and answer.high is not None
    ]
    if len(known) < 2:
        return None
    first, second = known
    difference = higher.times * above.mean - lower.times * below.mean
    down = math.hypot(second[1] - second[0], first[2] - first[1])
    up = math.hypot(second[2] - second[1], first[1] - first[0])
    return difference - down, difference + up
