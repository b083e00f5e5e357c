"""How well scores of points in time tell anomalies from the rest; intervals know that neighbours are alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from aelab.evaluation.measures.detection import logit_score
from aelab.evaluation.measures.events import Found, Units, units_of
from aelab.evaluation.measures.two_sources import half_width
from aelab.evaluation.protocol import Score

RESAMPLES = 400
NORMAL = 1.959963984540054  # which logit_score stretches a standard error by
AT_ONCE = 2**22  # values
Figures = Callable[[np.ndarray], Mapping[str, np.ndarray]]  # weights of units [R, U] to figures [R]


def scores_in_time(
    scores: np.ndarray, threshold: float, anomalous: np.ndarray, offsets: np.ndarray, length: int, seed: int
) -> list[Score]:
    """Figures of scores ``[T]``, of which some are ``anomalous`` ``[T]`` and some are not.

    ``auroc`` and ``average_precision`` over points, the shares of ``Found`` for the points above ``threshold``.

    Intervals are for other events and other blocks of normal time: both are drawn with replacement, each alone, ``R``
    times; the standard errors of n events and m blocks, times sqrt(n / (n - 1)) and sqrt(m / (m - 1)), are stretched by
    Student's t of n - 1 and m - 1 and added in quadrature, on the logit scale. None with fewer than two events, or
    where no draw changes the figure. ``length``: points of a block. ``parts``: the jackknife's pseudo-values of events
    and of blocks, by which differences of two methods have intervals.
    """
    units = units_of(anomalous, offsets, length)
    ranked = _ranked(scores, anomalous, units)
    found = Found.of(scores > threshold, anomalous, offsets, units)

    def figures(weights: np.ndarray) -> dict[str, np.ndarray]:
        return {**ranked(weights), **found.shares(weights, units.events)}

    once = np.ones((1, units.total))
    values = {name: float(each[0]) for name, each in figures(once).items()}
    spread = _spread(figures, units, seed)
    pseudo = _pseudo(figures, units, values)
    listed = [_score(name, value, units, spread, pseudo) for name, value in values.items()]
    return [*listed[:2], Score("threshold", threshold), *listed[2:]]


def _score(
    name: str,
    value: float,
    units: Units,
    spread: Mapping[str, tuple[float, float]],
    pseudo: Mapping[str, tuple[np.ndarray, ...]],
) -> Score:
    if units.events < 2 or units.blocks < 2:
        return Score(name, value, share=True)
    half = half_width(units.events, units.blocks, *spread[name])
    parts = pseudo[name] if all(np.isfinite(part).all() for part in pseudo[name]) else ()
    return logit_score(name, value, half / NORMAL)._replace(parts=parts)


def _spread(figures: Figures, units: Units, seed: int) -> dict[str, tuple[float, float]]:
    """Standard errors of the figures over events and over blocks."""
    draw = np.random.default_rng(seed)
    found: dict[str, list[float]] = {}
    for first, count in ((0, units.events), (units.events, units.blocks)):
        weights = np.ones((RESAMPLES, units.total))
        weights[:, first : first + count] = draw.multinomial(count, np.full(count, 1 / count), RESAMPLES)
        for name, each in figures(weights).items():
            error = float(np.nanstd(each, ddof=1)) * np.sqrt(count / max(1, count - 1))
            found.setdefault(name, []).append(error)
    return {name: (errors[0], errors[1]) for name, errors in found.items()}


def _pseudo(figures: Figures, units: Units, values: Mapping[str, float]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The jackknife's pseudo-values of events and of blocks: ``n value - (n - 1) value without the unit``."""
    if min(units.events, units.blocks) < 2:
        return {}
    without = figures(1 - np.eye(units.total))
    counts = (units.events, units.blocks)
    found = {}
    for name, each in without.items():
        both = np.split(each, [units.events])
        found[name] = tuple(n * values[name] - (n - 1) * some for n, some in zip(counts, both, strict=True))
    return found  # type: ignore[return-value]


def _ranked(scores: np.ndarray, anomalous: np.ndarray, units: Units) -> Figures:
    """The areas: of the ROC curve by how often each event's points are above each block's, of precision and recall by
    the points in order."""
    above = np.empty((units.events, units.blocks))
    normal = [scores[units.of_point == units.events + block] for block in range(units.blocks)]
    for event in range(units.events):
        own = scores[units.of_point == event]
        every = np.concatenate([own, *normal])
        # for each normal point, how many of the event's are above it: by ranks among the event and itself
        below = len(own) - _below(own, every[len(own) :])
        edges = np.cumsum([0, *map(len, normal)])
        above[event] = np.add.reduceat(below, edges[:-1])
    lengths = np.bincount(units.of_point, minlength=units.total).astype(np.float64)
    order = np.argsort(-scores, kind="stable")
    last = np.flatnonzero(np.diff(scores[order], append=-np.inf))
    truth = anomalous[order]
    unit = units.of_point[order]

    def figures(weights: np.ndarray) -> dict[str, np.ndarray]:
        events = weights[:, : units.events]
        blocks = weights[:, units.events :]
        pairs = (events @ lengths[: units.events]) * (blocks @ lengths[units.events :])
        with np.errstate(invalid="ignore", divide="ignore"):
            area = np.einsum("re,eb,rb->r", events, above, blocks) / pairs
        step = max(1, AT_ONCE // len(scores))
        pieces = [_average_precision(weights[i : i + step][:, unit], truth, last) for i in range(0, len(weights), step)]
        return {"auroc": area, "average_precision": np.concatenate(pieces)}

    return figures


def _below(own: np.ndarray, others: np.ndarray) -> np.ndarray:
    """How many of ``own`` are below each of ``others``, equal ones counting half."""
    known = np.sort(own)
    return 0.5 * (np.searchsorted(known, others, "left") + np.searchsorted(known, others, "right"))


def _average_precision(weights: np.ndarray, truth: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Of points in order, the highest score first, that count ``weights`` ``[R, T]`` times."""
    flagged = weights.cumsum(1)[:, last]
    right = (weights * truth).cumsum(1)[:, last]
    rise = np.diff(right, prepend=0.0)
    with np.errstate(invalid="ignore"):
        return np.asarray((rise * right / np.maximum(flagged, 1)).sum(1) / right[:, -1])
