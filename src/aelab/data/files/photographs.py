"""Patches with something in them, of the photographs that come with the installation."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from aelab.data.natural_patches import SHIPPED, SHIPPED_TEST, NaturalPatches, draw_patches

LEAST_STD = 16.0  # grey levels; flatter patches are drawn again


@lru_cache(maxsize=1)
def _photographs() -> dict[str, np.ndarray]:
    return NaturalPatches().shipped((*SHIPPED, *SHIPPED_TEST))


def textured_patches(count: int, random: np.random.Generator, size: int = 28) -> np.ndarray:
    """uint8 ``[count, size, size]`` from places drawn evenly, none whose pixels' standard deviation is below 16.

    Raises UserError where the photographs are not installed (the extra ``images``).
    """
    found = np.empty((0, size, size), np.uint8)
    while len(found) < count:
        patches = draw_patches(_photographs(), count, size, random)[:, 0]
        found = np.concatenate([found, patches[patches.std(axis=(1, 2)) >= LEAST_STD]])
    return found[:count]
