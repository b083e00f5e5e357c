"""Sprites of five known factors: shape, size, turn and place, every combination once."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from aelab.data.module import PARTS, DataModule
from aelab.data.source import Source

SIZE = 32  # pixels a side
FINE = 3  # points a pixel is measured at, each way
COUNTS = {"shape": 3, "size": 5, "turn": 10, "across": 8, "down": 8}
SIZES = (4.0, 8.0)  # half of a shape's extent, pixels, smallest and largest
STEP = 2  # pixels between places


class Sprites(DataModule):
    """White on black, 32 x 32: all 9,600 combinations of square, ellipse or heart, five sizes, ten turns within a
    right angle and 8 x 8 places, after dSprites (Matthey et al. 2017), whose files no package brings. The label is the
    shape; evaluations are told the factors of every example.
    """

    unused = ("path",)

    def read(self) -> Source:
        pictures = _drawn()
        return Source(pictures[:, None], factors(np.arange(len(pictures)))[:, 0])

    def truth(self) -> dict[str, np.ndarray]:
        """``factors_<part>``: whole numbers from 0, ``[n, 5]``, in the order of COUNTS."""
        found: dict[str, Any] = {f"factors_{part}": factors(self.origin(part)["row"]) for part in PARTS}
        return found | {"factors": np.array(list(COUNTS))}


def factors(rows: np.ndarray) -> np.ndarray:
    """The value of each factor, whole numbers ``[n, 5]``, of sprites by their rows."""
    return np.stack(np.unravel_index(rows, tuple(COUNTS.values())), 1)


@lru_cache(maxsize=1)
def _drawn() -> np.ndarray:
    """All, uint8 ``[9600, 32, 32]``: how much of a pixel is inside."""
    room = STEP * (COUNTS["across"] - 1)  # that a shape moves
    axis = (np.arange((SIZE + room) * FINE, dtype=np.float32) + 0.5) / FINE - (SIZE + room) / 2
    below, right = np.meshgrid(axis, axis, indexing="ij")
    kinds = np.stack(np.unravel_index(np.arange(3 * 5 * 10), (3, 5, 10)), 1)
    drawn = []
    for shape, size, turn in kinds:
        half = SIZES[0] + (SIZES[1] - SIZES[0]) * size / (COUNTS["size"] - 1)
        angle = np.pi / 2 * turn / COUNTS["turn"]
        u = (np.cos(angle) * right + np.sin(angle) * below) / half
        v = (np.cos(angle) * below - np.sin(angle) * right) / half
        inside = _SHAPES[shape](u, v).reshape(SIZE + room, FINE, SIZE + room, FINE).mean((1, 3))
        middle = np.rint(255 * inside).astype(np.uint8)
        places = [room - STEP * number for number in range(COUNTS["across"])]
        drawn += [middle[y : y + SIZE, x : x + SIZE] for x in places for y in places]
    return np.stack(drawn)


def _square(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.maximum(np.abs(u), np.abs(v)) <= 0.7


def _ellipse(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.square(u) + np.square(v / 0.5) <= 1


def _heart(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    u = 1.2 * u
    v = 0.15 - 1.2 * v
    return (u**2 + v**2 - 1) ** 3 - u**2 * v**3 <= 0


_SHAPES = (_square, _ellipse, _heart)
