"""Pictures that are known in part: every reconstruction is put right where the truth is known, and rebuilt again.

Both problems know ``A x = y`` of a picture x: some of its pixels, or the means of its blocks. The pictures that agree
with y are an affine subspace, ``project`` goes to the nearest of them, and ``x <- project(reconstruct(x))`` looks for
one that the coder can represent. With PCA this is the projection onto convex sets (Youla & Webb 1982), and ends at the
principal subspace's least-squares fit to what is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image

Rebuild = Callable[[np.ndarray], np.ndarray]  # pictures [N, C, H, W] to their reconstructions


class Problem(NamedTuple):
    """Pictures ``clean`` ``[N, C, H, W]``, the ``start`` of the iteration and the ``project``ion on what is known.

    ``known``: which pixels are, ``[N, 1, H, W]``; None where blocks of them are.
    """

    clean: np.ndarray
    start: np.ndarray
    project: Rebuild
    known: np.ndarray | None = None

    def shown(self) -> np.ndarray:
        """What is known, as pictures: grey where nothing is."""
        if self.known is None:
            return repeated(block_means(self.clean), self.clean.shape[2:])
        return np.where(self.known, self.clean, 0.5)


def inpainting(clean: np.ndarray, known: np.ndarray, fill: np.ndarray) -> Problem:
    """Pixels where ``known`` ``[N, 1, H, W]`` is false are lost, and begin as ``fill`` ``[C, H, W]``."""
    return Problem(clean, np.where(known, clean, fill), lambda x: np.where(known, clean, x), known)


def upscaling(clean: np.ndarray) -> Problem:
    """Only the means of blocks of 2 x 2 pixels are known; the iteration begins with their bicubic interpolation."""
    small = block_means(clean)
    size = clean.shape[2:]
    start = np.stack([bicubic(picture, size) for picture in small])
    return Problem(clean, start, lambda x: x + repeated(small - block_means(x), size))


def steps(rebuild: Rebuild, problem: Problem, count: int) -> Iterator[np.ndarray]:
    """The pictures after each of ``count`` steps."""
    x = problem.start
    for _ in range(count):
        x = problem.project(rebuild(x))
        yield x


def best_count(rebuild: Rebuild, problem: Problem, most: int) -> int:
    """The number of steps, 1 to ``most``, after which the squared error is lowest; asked on val."""
    errors = [np.square(x - problem.clean, dtype=np.float64).mean() for x in steps(rebuild, problem, most)]
    return int(np.argmin(errors)) + 1


def scattered(shape: tuple[int, ...], share: float, random: np.random.Generator) -> np.ndarray:
    """``known`` ``[N, 1, H, W]``: ``share`` of the pixels of every picture are lost, anywhere."""
    count, _, height, width = shape
    order = random.random((count, height * width)).argsort(1).argsort(1)
    return (order >= round(share * height * width)).reshape(count, 1, height, width)


def blocked(shape: tuple[int, ...], share: float, random: np.random.Generator) -> np.ndarray:
    """``known`` ``[N, 1, H, W]``: a block of ``share`` of each side is lost, somewhere."""
    known = np.ones((shape[0], 1, *shape[2:]), bool)
    sides = [max(1, round(share * side)) for side in shape[2:]]
    for picture in known[:, 0]:
        top, left = (int(random.integers(whole - part + 1)) for whole, part in zip(shape[2:], sides, strict=True))
        picture[top : top + sides[0], left : left + sides[1]] = False
    return known


def block_means(x: np.ndarray) -> np.ndarray:
    """``[..., H, W]`` at half the size, rounded up: the blocks at the far edges may be 1 pixel wide."""
    for axis in (-2, -1):
        size = x.shape[axis]
        starts = np.arange(0, size, 2)
        widths = np.minimum(2, size - starts).astype(np.float32)
        x = np.add.reduceat(x, starts, axis) / (widths[:, None] if axis == -2 else widths)
    return x


def repeated(small: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Every pixel of ``[..., h, w]`` as a block of 2 x 2, cut to ``size``: the transpose of ``block_means``, scaled."""
    return small.repeat(2, -2).repeat(2, -1)[..., : size[0], : size[1]]


def bicubic(small: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """``[C, h, w]`` at twice the size, cut to ``size``, by Pillow's bicubic interpolation."""
    wide = (2 * small.shape[2], 2 * small.shape[1])
    grown = [np.asarray(Image.fromarray(x.astype(np.float32)).resize(wide, Image.Resampling.BICUBIC)) for x in small]
    return np.stack(grown)[:, : size[0], : size[1]]


def biharmonic(spoilt: np.ndarray, known: np.ndarray) -> np.ndarray:
    """A picture ``[C, H, W]`` whose unknown pixels (``known`` ``[1, H, W]`` is false) continue the others smoothly.

    scikit-image's biharmonic inpainting (Damelin & Hoang 2018); what is unknown in ``spoilt`` is not looked at.
    """
    from skimage.restoration import inpaint_biharmonic

    return np.stack([inpaint_biharmonic(np.where(known[0], x, 0), ~known[0]) for x in spoilt]).astype(np.float32)
