"""Wide and tall rectangles (Larochelle et al. 2007): outlines on black, or one patch of a photograph on another."""

from __future__ import annotations

from typing import Any

import numpy as np

from aelab.data.files.photographs import textured_patches
from aelab.data.generated import SIZE, Generated


class Rectangles(Generated):
    """Label 1: wider than tall; 0: taller than wide. Its size is uniform, then its place where it fits.

    - ``textured`` false: the border is white, one pixel wide, all else black; sides of 1 to 28 pixels that differ by 3
      or more.
    - ``textured`` true: border and inside are a patch of a photograph, the rest is another patch; sides of at least 10
      pixels that differ by 5 or more, over 25 to 75 % of the picture.

    Draws are independent, and there are only so many rectangles: about 1 % of the test part's outlines also occur among
    1,200 training examples, as they must have in the original.
    """

    def __init__(self, *args: Any, textured: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.textured = textured

    def draw(self, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        random = np.random.default_rng([seed, 13])
        sides = _sides(self.textured)
        width, height = sides[random.integers(len(sides), size=count)].T
        left, top = (random.integers(SIZE - side + 1) for side in (width, height))
        inside = _within(left, top, width, height)
        if self.textured:
            pixels = np.where(inside, textured_patches(count, random), textured_patches(count, random))
        else:
            border = inside & ~_within(left + 1, top + 1, width - 2, height - 2)
            pixels = border.astype(np.uint8) * np.uint8(255)
        return pixels, (width > height).astype(np.int64)


def _sides(textured: bool) -> np.ndarray:
    """The allowed (width, height) ``[n, 2]``: uniform sides without those that are rejected."""
    width, height = np.mgrid[1 : SIZE + 1, 1 : SIZE + 1]
    allowed = np.abs(width - height) >= (5 if textured else 3)
    if textured:
        share = width * height / SIZE**2
        allowed &= (np.minimum(width, height) >= 10) & (share >= 0.25) & (share <= 0.75)
    return np.stack([width[allowed], height[allowed]], 1)


def _within(left: np.ndarray, top: np.ndarray, width: np.ndarray, height: np.ndarray) -> np.ndarray:
    """``[N, 28, 28]`` bool: the pixels of each rectangle."""
    place = np.arange(SIZE)
    across, down = (
        (place >= first[:, None]) & (place < (first + side)[:, None]) for first, side in ((left, width), (top, height))
    )
    return down[:, :, None] & across[:, None, :]
