"""MNIST made harder (Larochelle et al. 2007): few training examples, turned digits, backgrounds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from aelab.data.files.photographs import textured_patches
from aelab.data.mnist import MNIST
from aelab.data.source import Source
from aelab.errors import UserError

TURNED = ("rot", "bg_img_rot")
CHUNK = 8192  # digits that are turned at once


class MNISTVariations(MNIST):
    """Digits of both parts of MNIST in a new order, drawn by ``split_seed``, varied by ``variation``.

    - ``basic``: as they are.
    - ``rot``: turned by an angle uniform on [0, 2 pi), bilinearly.
    - ``bg_rand``: behind them noise, every pixel uniform on 0..255.
    - ``bg_img``: behind them patches of photographs, no flat ones; ``bg_img_rot``: the digits are turned as well.

    A pixel is the brighter of digit and background. ``train_examples``: training and validation together.
    The order, the angles, the noise and the photographs are not those of the published files, the rules are.
    """

    def __init__(
        self,
        *args: Any,
        variation: str = "basic",
        train_examples: int = 12000,
        test_examples: int = 50000,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        if variation not in VARIATIONS:
            raise UserError(f"data.variation={variation}: choose one of {', '.join(VARIATIONS)}")
        self.variation = variation
        self.train_examples = train_examples
        self.test_examples = test_examples

    def read(self) -> Source:
        mnist = super().read()
        assert mnist.test_x is not None and mnist.labels is not None and mnist.test_labels is not None
        digits = np.concatenate([mnist.x, mnist.test_x])
        labels = np.concatenate([mnist.labels, mnist.test_labels])
        wanted = self.train_examples + self.test_examples
        if wanted > len(digits):
            raise UserError(
                f"data.train_examples={self.train_examples} data.test_examples={self.test_examples}: {wanted} digits, "
                f"and MNIST has {len(digits)}"
            )
        random = np.random.default_rng([self.split_seed, 17])
        chosen = random.permutation(len(digits))[:wanted]
        x = self._varied(digits[chosen, 0], random)[:, None]
        labels = labels[chosen]
        count = self.train_examples
        return Source(x[:count], labels[:count], x[count:], labels[count:])

    def _varied(self, digits: np.ndarray, random: np.random.Generator) -> np.ndarray:
        if self.variation in TURNED:
            digits = turned(digits, random.uniform(0, 2 * np.pi, len(digits)))
        background = VARIATIONS[self.variation]
        return digits if background is None else np.maximum(digits, background(len(digits), random))


def turned(digits: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """uint8 pictures ``[N, 28, 28]`` turned anticlockwise by ``angles`` ``[N]`` in radians, bilinearly, on black."""
    cosine, sine = (torch.from_numpy(function(angles)).float() for function in (np.cos, np.sin))
    zero = torch.zeros_like(cosine)
    places = torch.stack([torch.stack([cosine, -sine, zero], 1), torch.stack([sine, cosine, zero], 1)], 1)
    found = []
    for part, place in zip(torch.from_numpy(digits).split(CHUNK), places.split(CHUNK), strict=True):
        grid = F.affine_grid(place, [len(part), 1, *part.shape[1:]], align_corners=False)
        found.append(F.grid_sample(part[:, None].float(), grid, align_corners=False)[:, 0].round().to(torch.uint8))
    return torch.cat(found).numpy()


def _noise(count: int, random: np.random.Generator) -> np.ndarray:
    return random.integers(0, 256, (count, 28, 28), dtype=np.uint8)


VARIATIONS: dict[str, Callable[[int, np.random.Generator], np.ndarray] | None] = {
    "basic": None,
    "rot": None,
    "bg_rand": _noise,
    "bg_img": textured_patches,
    "bg_img_rot": textured_patches,
}
