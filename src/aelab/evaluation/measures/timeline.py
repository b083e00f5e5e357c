"""Where windows lie in time, and what values of windows say of the points that they cover."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Stretch(NamedTuple):
    """Points that follow each other: ``length`` of the series called ``name``, the first of them its point ``first``.

    ``anomalous``: which of them are, bool ``[length]``; None where that is not known.
    """

    name: str
    first: int
    length: int
    anomalous: np.ndarray | None = None


class Timeline(NamedTuple):
    """Windows of ``window`` points over ``stretches``, whose points ``[T]`` are counted one stretch behind the other.

    ``start``: long ``[N]``, the point that each window begins with, in the count over all. Every point is in a window.
    ``channels``: their names.
    """

    stretches: tuple[Stretch, ...]
    start: np.ndarray
    window: int
    channels: tuple[str, ...]

    @property
    def offsets(self) -> np.ndarray:
        """Where each stretch begins, and the last ends, long ``[stretches + 1]``."""
        return np.cumsum([0, *(stretch.length for stretch in self.stretches)])

    @property
    def points(self) -> int:
        return int(self.offsets[-1])

    @property
    def anomalous(self) -> np.ndarray | None:
        """Which points are, bool ``[T]``."""
        if any(stretch.anomalous is None for stretch in self.stretches):
            return None
        return np.concatenate([stretch.anomalous for stretch in self.stretches])

    def over_points(self, values: np.ndarray) -> np.ndarray:
        """The mean for each point ``[T]``, in double precision, over all windows that cover it.

        ``values``: one for each window and its points, ``[N, window]``, or one for each window, ``[N]``. NaN is left
        out; NaN is the mean where nothing is known.
        """
        total = np.zeros(self.points)
        known = np.zeros(self.points)
        for place in range(self.window):
            own = values if values.ndim == 1 else values[:, place]
            there = ~np.isnan(own)
            at = self.start[there] + place
            total += np.bincount(at, own[there].astype(np.float64), self.points)
            known += np.bincount(at, minlength=self.points)
        with np.errstate(invalid="ignore"):
            return np.where(known > 0, total / known, np.nan)

    def series(self, x: np.ndarray) -> np.ndarray:
        """The series ``[T, channels]`` that windows ``[N, channels * window]`` were cut from."""
        shaped = x.reshape(len(x), len(self.channels), self.window)
        found = np.full((self.points, len(self.channels)), np.nan, x.dtype)
        for place in range(self.window):
            found[self.start + place] = shaped[:, :, place]
        return found


def starts(count: int, window: int, stride: int) -> np.ndarray:
    """Where windows begin, long ``[N]``: every ``stride`` points, and one more that ends with the last of ``count``
    points where they would leave some out."""
    regular = np.arange(0, count - window + 1, stride)
    last = count - window
    return regular if regular[-1] == last else np.append(regular, last)


def cut(values: np.ndarray, window: int, stride: int) -> np.ndarray:
    """Windows ``[N, channels, window]`` of a series ``[T, channels]``."""
    views = np.lib.stride_tricks.sliding_window_view(values, window, axis=0)
    return views[starts(len(values), window, stride)]


def whole(values: np.ndarray, name: str, window: int, stride: int, channels: tuple[str, ...]) -> Timeline:
    """The timeline of one series ``[T, channels]`` that is cut as it is."""
    return Timeline((Stretch(name, 0, len(values)),), starts(len(values), window, stride), window, channels)
