"""Events of a signal, what of them was found, and the units of time that stay together when points are drawn anew."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np


def runs_of(flags: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """First points and those behind the last, long ``[n, 2]``, of runs of true points in ``[T]``.

    ``offsets``: where stretches begin, and the last ends; no run crosses from one to the next.
    """
    found = []
    for first, behind in pairwise(offsets.tolist()):
        edges = np.diff(flags[first:behind].astype(np.int8), prepend=0, append=0)
        found.append(first + np.stack([np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)], 1))
    return np.concatenate(found)


def adjusted(flags: np.ndarray, events: np.ndarray) -> np.ndarray:
    """Flags ``[T]`` with all points of an event where one of them is: point adjustment (Xu et al. 2018)."""
    found = flags.copy()
    for first, behind in events:
        found[first:behind] |= flags[first:behind].any()
    return found


class Units(NamedTuple):
    """Which unit each point is of, long ``[T]``: the ``events`` first, then the ``blocks`` of normal points."""

    of_point: np.ndarray
    events: int
    blocks: int

    @property
    def total(self) -> int:
        return self.events + self.blocks


def units_of(anomalous: np.ndarray, offsets: np.ndarray, length: int) -> Units:
    """Events, and the normal points between them in blocks of about ``length`` points that follow each other.

    Scores of neighbours are alike, since they share windows: points are no independent sample, and units nearly are.
    """
    found = np.empty(len(anomalous), dtype=np.int64)
    events = runs_of(anomalous, offsets)
    for number, (first, behind) in enumerate(events):
        found[first:behind] = number
    blocks = 0
    for first, behind in runs_of(~anomalous, offsets):
        pieces = max(1, round((behind - first) / length))
        for piece in np.array_split(np.arange(first, behind), pieces):
            found[piece] = len(events) + blocks
            blocks += 1
    return Units(found, len(events), blocks)


class Found(NamedTuple):
    """What flags say of events, in sums for each unit ``[U]``, so that any units can be counted again.

    ``right``, ``wrong``, ``missed``: points that are flagged rightly, wrongly and not. ``adjusted_right``,
    ``adjusted_missed``: after point adjustment. ``hit``: events of which a point is flagged. ``runs``, ``true_runs``:
    runs of flagged points, and those of them that touch an event; a run is of the event it touches first, or of the
    block it begins in.
    """

    right: np.ndarray
    wrong: np.ndarray
    missed: np.ndarray
    adjusted_right: np.ndarray
    adjusted_missed: np.ndarray
    hit: np.ndarray
    runs: np.ndarray
    true_runs: np.ndarray

    @staticmethod
    def of(flags: np.ndarray, anomalous: np.ndarray, offsets: np.ndarray, units: Units) -> Found:
        """Of flags ``[T]``."""
        events = runs_of(anomalous, offsets)

        def counted(points: np.ndarray) -> np.ndarray:
            return np.bincount(units.of_point[points], minlength=units.total).astype(np.float64)

        all_of_it = adjusted(flags, events)
        right = counted(flags & anomalous)
        runs = np.zeros(units.total)
        true_runs = np.zeros(units.total)
        for first, behind in runs_of(flags, offsets):
            touched = np.flatnonzero(anomalous[first:behind])
            unit = units.of_point[first + (touched[0] if len(touched) else 0)]
            runs[unit] += 1
            true_runs[unit] += bool(len(touched))
        return Found(
            right, counted(flags & ~anomalous), counted(~flags & anomalous), counted(all_of_it & anomalous),
            counted(~all_of_it & anomalous), (right > 0).astype(np.float64), runs, true_runs,
        )  # fmt: skip

    def shares(self, weights: np.ndarray, events: int) -> dict[str, np.ndarray]:
        """Figures ``[R]`` where units count ``weights`` ``[R, U]`` times; NaN where there is nothing to divide by."""
        right, wrong, missed, adjusted_right, adjusted_missed, hit, runs, true_runs = (weights @ one for one in self)
        with np.errstate(invalid="ignore", divide="ignore"):
            precision = np.where(right + wrong > 0, right / (right + wrong), 0.0)
            return {
                "precision": precision,
                "recall": right / (right + missed),
                "f1": 2 * right / (2 * right + wrong + missed),
                "event_precision": np.where(runs > 0, true_runs / runs, 0.0),
                "event_recall": hit / weights[:, :events].sum(1),
                "adjusted_f1": 2 * adjusted_right / (2 * adjusted_right + wrong + adjusted_missed),
            }
