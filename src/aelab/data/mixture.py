"""Generated points in the plane: a mixture of Gaussians along a spiral, whose density and score are known."""

from __future__ import annotations

from typing import Any

import numpy as np

from aelab.data.generated import Generated
from aelab.errors import UserError

TURNS = 2.0


class Mixture(Generated):
    """``x = mu_i + std * e``, i drawn evenly among ``components`` means that lie evenly along a spiral of two turns.

    The set-up of Alain & Bengio 2014, figure 5: data near a curve in the plane. The spiral's radius grows from 1 to 5.
    ``std``: of every component, in both directions. ``train_examples``: training and validation examples together.
    ``truth``: ``means`` ``[components, 2]`` and ``std``.
    """

    def __init__(
        self,
        *args: Any,
        components: int = 100,
        std: float = 0.1,
        train_examples: int = 10_000,
        test_examples: int = 2000,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, train_examples=train_examples, test_examples=test_examples, **kwargs)
        if components < 1:
            raise UserError(f"data.components={components}: must be at least 1")
        if std <= 0:
            raise UserError(f"data.std={std}: must be above 0")
        self.means = spiral(components)
        self.std = std

    def truth(self) -> dict[str, np.ndarray]:
        return {"means": self.means, "std": np.asarray(self.std)}

    def draw(self, count: int, seed: int) -> tuple[np.ndarray, None]:
        random = np.random.default_rng([seed, 11])
        centres = self.means[random.integers(len(self.means), size=count)]
        return (centres + self.std * random.standard_normal(centres.shape)).astype(np.float32), None


def spiral(count: int) -> np.ndarray:
    """Points ``[count, 2]`` at equal distances along an Archimedean spiral from radius 1 to 5."""
    t = np.linspace(0, 1, 10_000)
    radius = 1 + 4 * t
    angle = 2 * np.pi * TURNS * t
    curve = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)
    length = np.concatenate([[0], np.linalg.norm(np.diff(curve, axis=0), axis=1).cumsum()])
    wanted = (np.arange(count) + 0.5) / count * length[-1]
    return np.stack([np.interp(wanted, length, column) for column in curve.T], 1)
