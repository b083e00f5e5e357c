"""One series of points in time, and the parts of its time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from aelab.errors import UserError

PARTS = ("train", "val", "test")


class Series(NamedTuple):
    """``values``: float64 ``[T, channels]``, in the order of time. ``channels``: their names. ``anomalous``: which
    points are, bool ``[T]``, or None. ``where``: what a user knows it by, for complaints. ``first``: the row of its
    file that is its first point."""

    name: str
    values: np.ndarray
    channels: tuple[str, ...]
    anomalous: np.ndarray | None = None
    where: str = ""
    first: int = 0

    def later(self, skipped: int) -> Series:
        """The same without so many points at the beginning."""
        anomalous = None if self.anomalous is None else self.anomalous[skipped:]
        return self._replace(values=self.values[skipped:], anomalous=anomalous, first=self.first + skipped)


def spans(count: int, val_fraction: float, test_fraction: float) -> dict[str, tuple[int, int]]:
    """The points of each part, first and behind the last: training is what came first, the test what came last."""
    tested = round(count * test_fraction)
    validated = round(count * val_fraction)
    trained = count - tested - validated
    return {"train": (0, trained), "val": (trained, count - tested), "test": (count - tested, count)}


def check_spans(series: Series, found: Mapping[str, tuple[int, int]], window: int, tested: bool) -> None:
    """UserError for the first part that has no room for a window; ``tested``: whether a test part is cut from it."""
    count = len(series.values)
    if window > count:
        raise UserError(
            f"data.window={window}: longer than {series.where}, which has {count} points; use "
            f"data.window={max(2, count // 10)}, or a longer series"
        )
    for part in PARTS if tested else PARTS[:2]:
        first, behind = found[part]
        if behind - first < window:
            key = "val_fraction and data.test_fraction" if part == "train" else f"{part}_fraction"
            fix = f"a {'smaller' if part == 'train' else 'larger'} data.{key}"
            room = behind - first
            shorter = f"data.window={room} or less, or " if room > 1 else ""
            raise UserError(
                f"data.window={window}: the {part} part of {series.where} has {room} of its {count} points, no room "
                f"for a window; use {shorter}{fix}"
            )
