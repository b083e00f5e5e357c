"""White shapes on black, convex or not (Larochelle et al. 2007), from the rules their page states."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from aelab.data.generated import SIZE, Generated

CHUNK = 2048  # shapes that are cut at once
CONVEX = (0.195, 19)  # parameter of the number of half-planes, fewest pixels
PART = (0.07, 10)
PARTS = (2, 3, 4)  # convex sets in a shape that is not convex


class Convex(Generated):
    """Label 1: a convex set. Label 0: a union of 2 to 4 convex sets that is not convex.

    A convex set is an intersection of random half-planes: their number is geometric, their direction uniform, their
    edge uniform among the lines of that direction that meet the picture. One that would leave fewer pixels than the
    least is drawn again: the page only speaks of rejection, but it says that both classes have the same mean number of
    white pixels, and so read its parameters give 180 and 179. Both labels are equally likely.
    """

    def draw(self, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        return _draw(count, seed)


@lru_cache(maxsize=2)
def _draw(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng([seed, 11])
    labels = random.integers(0, 2, count)
    shapes = np.empty((count, SIZE, SIZE), bool)
    shapes[labels == 1] = convex_sets(int(labels.sum()), *CONVEX, random)
    shapes[labels == 0] = unions(int((1 - labels).sum()), random)
    return shapes.astype(np.uint8) * np.uint8(255), labels


def convex_sets(count: int, parameter: float, least: int, random: np.random.Generator) -> np.ndarray:
    """``[count, 28, 28]`` bool: intersections of half-planes with at least ``least`` pixels."""
    shapes = np.ones((count, SIZE * SIZE), bool)
    for start in range(0, count, CHUNK):
        part = shapes[start : start + CHUNK]
        left = random.geometric(parameter, len(part))
        while (rows := np.flatnonzero(left)).size:
            cut = part[rows] & half_planes(len(rows), random)
            kept = np.count_nonzero(cut, axis=1) >= least
            part[rows[kept]] = cut[kept]
            left[rows[kept]] -= 1
    return shapes.reshape(-1, SIZE, SIZE)


def half_planes(count: int, random: np.random.Generator) -> np.ndarray:
    """``[count, 28 * 28]`` bool: the pixels whose centres lie on one side of a line through the picture."""
    angle = random.uniform(0, 2 * np.pi, (count, 1)).astype(np.float32)
    across = np.abs(np.cos(angle)) + np.abs(np.sin(angle))  # width of the square in that direction
    edge = random.uniform(-0.5, 0.5, (count, 1)).astype(np.float32) * SIZE * across
    centres = np.arange(SIZE, dtype=np.float32) - (SIZE - 1) / 2
    return ((np.sin(angle) * centres)[:, :, None] >= (edge - np.cos(angle) * centres)[:, None, :]).reshape(count, -1)


def unions(count: int, random: np.random.Generator) -> np.ndarray:
    """``[count, 28, 28]`` bool: unions of 2 to 4 convex sets that are not convex."""
    found = [np.empty((0, SIZE, SIZE), bool)]
    while (lacking := count - sum(map(len, found))) > 0:
        sizes = random.choice(PARTS, lacking)
        parts = convex_sets(int(sizes.sum()), *PART, random)
        shapes = np.logical_or.reduceat(parts, np.cumsum(sizes) - sizes)
        found.append(shapes[~is_convex(shapes)])
    return np.concatenate(found)


def is_convex(shapes: np.ndarray) -> np.ndarray:
    """Whether each of ``[N, height, width]`` bool is all the pixels in the convex hull of its pixels, bool ``[N]``.

    Exact, in integers: the hull reaches in row y as far as the lines between the outermost pixels of all rows above
    and below do.
    """
    height, width = shapes.shape[1:]
    used = np.any(shapes, axis=2)
    first = shapes.argmax(2)
    last = width - 1 - shapes[:, :, ::-1].argmax(2)
    convex = (shapes.sum(2) == np.where(used, last - first + 1, 0)).all(1)
    for above in range(height):
        for below in range(above + 2, height):
            both = used[:, above] & used[:, below]
            gap = below - above
            for y in range(above + 1, below):
                near = below - y
                far = y - above
                reach = (last[:, above] * near + last[:, below] * far) // gap
                begin = -((-first[:, above] * near - first[:, below] * far) // gap)
                inside = np.where(used[:, y], (first[:, y] <= begin) & (reach <= last[:, y]), reach < begin)
                convex &= inside | ~both
    return convex
