"""Whole pictures by way of a coder of patches: every pixel is the mean of what all patches over it say."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

VALUES = 2**25  # of patches that are in memory at once, 128 MB


def by_patches(
    restore: Callable[[np.ndarray], np.ndarray], picture: np.ndarray, size: tuple[int, int], stride: int
) -> np.ndarray:
    """A picture ``[C, H, W]`` rebuilt from its patches of ``size`` (height, width).

    ``restore``: patches ``[N, D]`` to ``[N, D]``, some thousand at a time. Patches lie ``stride`` pixels apart (or side
    by side, where they are smaller), and at the far edges. Raises ValueError for a picture smaller than a patch.
    """
    channels, height, width = picture.shape
    tops, lefts = (places(*sides, min(stride, sides[1])) for sides in ((height, size[0]), (width, size[1])))
    views = np.lib.stride_tricks.sliding_window_view(picture, size, axis=(1, 2))
    total = np.zeros(picture.shape)
    count = np.zeros((height, width))
    rows = max(1, VALUES // (len(lefts) * channels * size[0] * size[1]))
    for some in np.split(tops, range(rows, len(tops), rows)):
        patches = views[:, some][:, :, lefts].transpose(1, 2, 0, 3, 4)
        restored = restore(patches.reshape(len(some) * len(lefts), -1).astype(np.float32)).reshape(patches.shape)
        for down in range(size[0]):
            for right in range(size[1]):
                where = np.ix_(some + down, lefts + right)
                total[:, where[0], where[1]] += restored[..., down, right].transpose(2, 0, 1)
                count[where] += 1
    return (total / count).astype(np.float32)


def places(length: int, size: int, stride: int) -> np.ndarray:
    """Where patches of ``size`` begin along a side: every ``stride`` pixels, the last one at the end."""
    if size > length:
        raise ValueError(f"a patch of {size} pixels in a picture of {length}")
    return np.unique([*range(0, length - size, stride), length - size])
