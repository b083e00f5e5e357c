"""Does a curve over a swept number peak, by a rule set before the measurement?

Used for the descents of the error against width (Belkin et al. 2019; Rahimi et al. 2024, arXiv 2406.11703): a
curve of noisy means has a local maximum somewhere by chance, so a peak must stand out on both sides.
"""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

STANDARD_ERRORS = 2.0


class Peak(NamedTuple):
    """A local maximum ``value`` at ``x``, and the lowest points on its two sides."""

    x: float
    value: float
    left: tuple[float, float]
    right: tuple[float, float]
    standard_errors: float
    """How far it stands above the higher of the two, in standard errors of that difference."""


def find_peaks(
    x: Sequence[float], means: Sequence[float], errors: Sequence[float], threshold: float = STANDARD_ERRORS
) -> list[Peak]:
    """The local maxima that exceed the minima on both sides by ``threshold`` standard errors, in order of x.

    ``means`` and their standard ``errors`` at ascending ``x``. The minimum on a side is the lowest mean between the
    maximum and the next higher point (or the end of the curve), so that of two maxima without a valley between them
    only the higher counts. The standard error of a difference is that of independent means,
    sqrt(se_peak^2 + se_minimum^2): too large where the points share test examples, which makes the rule strict.
    Raises ValueError if lengths differ, x does not ascend or anything is not finite.
    """
    if not len(x) == len(means) == len(errors):
        raise ValueError(f"{len(x)} places, {len(means)} means and {len(errors)} standard errors")
    if any(b <= a for a, b in itertools.pairwise(x)):
        raise ValueError("x must ascend")
    if not all(map(math.isfinite, [*x, *means, *errors])):
        raise ValueError("x, means and standard errors must be finite")
    peaks = []
    for at, top in enumerate(means):
        if at and means[at - 1] == top:  # a plateau counts once, at its start
            continue
        left = _lowest(means, range(at - 1, -1, -1), top)
        right = _lowest(means, range(at + 1, len(means)), top)
        if left is None or right is None:
            continue
        rises = [(top - means[side]) / math.hypot(errors[at], errors[side] or 1e-300) for side in (left, right)]
        if min(rises) >= threshold:
            sides = [(x[side], means[side]) for side in (left, right)]
            peaks.append(Peak(x[at], top, sides[0], sides[1], min(rises)))
    return peaks


def _lowest(means: Sequence[float], side: range, top: float) -> int | None:
    """The index of the lowest mean on a side, up to where the curve rises above ``top``; None if there is none."""
    lowest = None
    for index in side:
        if means[index] > top:
            break
        if lowest is None or means[index] < means[lowest]:
            lowest = index
    return lowest


def describe(x: Sequence[float], means: Sequence[float], errors: Sequence[float], key: str, metric: str) -> str:
    """The verdict in one sentence, also if it is that there is no peak."""
    peaks = find_peaks(x, means, errors)
    if not peaks:
        return f"{metric} against {key}: no peak by the rule of {STANDARD_ERRORS:g} standard errors."
    places = [
        f"{p.value:.3g} at {p.x:g}, above {p.left[1]:.3g} at {p.left[0]:g} and {p.right[1]:.3g} at {p.right[0]:g}, "
        f"by {p.standard_errors:.1f} standard errors"
        for p in peaks
    ]
    return f"{metric} against {key}: {len(peaks)} peak{'s' * (len(peaks) > 1)}: {'; '.join(places)}."
