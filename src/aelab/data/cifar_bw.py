"""CIFAR-10 in grey, the CIFAR-bw of Rifai et al. 2011."""

from __future__ import annotations

import numpy as np

from aelab.data.cifar10 import CIFAR10
from aelab.data.source import Source

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green and blue, ITU-R BT.601


class CIFARBW(CIFAR10):
    """uint8 images (1, 32, 32) of CIFAR-10's brightness; its files, splits and labels."""

    def read(self) -> Source:
        colour = super().read()
        assert colour.test_x is not None
        return Source(grey(colour.x), colour.labels, grey(colour.test_x), colour.test_labels)


def grey(images: np.ndarray) -> np.ndarray:
    """uint8 ``[N, 3, H, W]`` to ``[N, 1, H, W]``."""
    found = np.empty((len(images), 1, *images.shape[2:]), np.uint8)
    for index, image in enumerate(images):  # one at a time: in float the whole set is large
        found[index, 0] = np.rint(np.tensordot(LUMA, image, 1))
    return found
