"""Patches of whitened photographs as in Ng's exercise on sparse autoencoders: what simple cells are learned from."""

from __future__ import annotations

from typing import Any

import numpy as np

from aelab.data.natural_patches import NaturalPatches
from aelab.data.source import Source

CUTOFF = 0.4  # cycles a pixel
BORDER = 8  # pixels at the edge of a picture, where the filter sees its other side
TRUNCATED = 3  # standard deviations


class WhitenedPatches(NaturalPatches):
    """float32 patches (1, S, S) with values in [0.1, 0.9], 0.5 for no contrast; places and parts of natural_patches.

    Whole pictures are whitened by ``f exp(-(f / 0.4)^4)``, f in cycles a pixel, which undoes their 1/f spectrum and
    leaves out the corners of the Fourier plane (Olshausen & Field 1997), and scaled to variance 1. Each patch less its
    mean is cut at 3 standard deviations of the training patches and mapped to [0.1, 0.9] (Ng 2011, CS294A).
    """

    def read(self) -> Source:
        source = super().read()
        assert source.test_x is not None
        x, test_x = (part - part.mean(axis=(1, 2, 3), keepdims=True) for part in (source.x, source.test_x))
        limit = TRUNCATED * x[: self.count].std(dtype=np.float64)
        x, test_x = (((part / limit).clip(-1, 1) * 0.4 + 0.5).astype(np.float32) for part in (x, test_x))
        return Source(x, test_x=test_x)

    def _split_pictures(self) -> dict[str, dict[str, np.ndarray]]:
        parts = super()._split_pictures()
        return {part: {name: whitened(x[0])[None] for name, x in some.items()} for part, some in parts.items()}


def whitened(picture: np.ndarray) -> np.ndarray:
    """A picture ``[H, W]`` without its 1/f spectrum, variance 1, less a border: float32 ``[H - 16, W - 16]``."""
    down, across = (np.fft.fftfreq(size) for size in picture.shape)
    frequency = np.hypot(down[:, None], across)
    gain = frequency * np.exp(-((frequency / CUTOFF) ** 4))
    flat: Any = np.fft.ifft2(np.fft.fft2(picture.astype(np.float64)) * gain).real
    flat = flat[BORDER:-BORDER, BORDER:-BORDER]
    return (flat / flat.std()).astype(np.float32)
