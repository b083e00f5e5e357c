"""The paper's figures and orderings beside ours, with a verdict where there can be one."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import pairwise

from aelab.comparison.wording import ABSENT, estimate, number
from aelab.reproducing.measured import Answer, Measured
from aelab.reproducing.paper import Choice, Figure, Ordering, Paper, Place, in_words, may_turn_red


@dataclass(frozen=True)
class Row:
    """One line of the table; ``red`` where a check failed that may fail."""

    quantity: str
    ours: str
    paper: str
    difference: str
    verdict: str
    where: str
    tag: str
    runs: tuple[str, ...] = ()
    red: bool = False


def rows(paper: Paper, measured: Measured, sizes: Collection[str]) -> list[Row]:
    """A row for each figure, and for each pair of neighbours in an ordering.

    ``sizes``: what size the runs count as; figures and orderings of other sizes get no verdict that can be red.
    """
    found = {_key(one.metric, one.of): one for one in measured.answers}
    lines = [_figure(figure, found.get(_key(figure.metric, figure.of)), sizes) for figure in paper.figures]
    for ordering in paper.orderings:
        lines += [_pair(ordering, lower, higher, found, sizes) for lower, higher in pairwise(ordering.lowest_first)]
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
    verdict, red = "", False
    if figure.within is not None and figure.size in sizes:
        reproduced = abs(difference) <= figure.within
        red = not reproduced and may_turn_red(figure.tag)
        verdict = f"{'reproduced' if reproduced else 'not reproduced'} (within {figure.within:g})"
    half = None if answer.low is None or answer.high is None else abs(figure.times) * (answer.high - answer.low) / 2
    ours = estimate(mean, half) if half is None or half > 0 else number(mean)
    return Row(
        quantity, ours, number(figure.value), f"{difference:+.3g}", verdict, figure.where, figure.tag, answer.runs, red
    )


def _pair(
    ordering: Ordering, lower: Place, higher: Place, found: Mapping[tuple[str, str], Answer], sizes: Collection[str]
) -> Row:
    """Held or reversed where the 95 % interval of the difference leaves out 0, else a tie."""
    answers = [found.get(_key(place.metric, place.of)) for place in (lower, higher)]
    quantity = f"{ordering.metric}: {lower} < {higher}"
    below, above = answers
    if below is None or above is None:
        return Row(quantity, "not measured", "<", ABSENT, "", ordering.where, ordering.tag)
    means = lower.times * below.mean, higher.times * above.mean
    halves = _half(lower, below), _half(higher, above)
    difference = means[1] - means[0]
    half = None if None in halves else math.hypot(*halves)  # type: ignore[arg-type]
    verdict = "held" if difference > 0 else "reversed"
    if half is None:
        verdict += ", no interval"
    elif abs(difference) <= half:
        verdict = "tie within intervals"
    red = verdict == "reversed" and ordering.size in sizes and may_turn_red(ordering.tag)
    ours = f"{number(means[0])} {'<' if difference > 0 else '≥'} {number(means[1])}"
    gap = estimate(difference, half)
    return Row(quantity, ours, "<", gap, verdict, ordering.where, ordering.tag, below.runs + above.runs, red)


def _half(place: Place, answer: Answer) -> float | None:
    """Half of the 95 % interval, in the ordering's unit."""
    if answer.low is None or answer.high is None:
        return None
    return abs(place.times) * (answer.high - answer.low) / 2
