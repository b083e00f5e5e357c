"""Generated data with a known dictionary: sparse positive sums of atoms, with noise."""

from __future__ import annotations

from typing import Any

import numpy as np

from aelab.data.generated import Generated
from aelab.errors import UserError


class Dictionary(Generated):
    """``x = sum_j z_j d_j + noise * e``: d_j random directions of length 1, most z_j 0.

    Each of ``atoms`` is active with the same probability, so that an example has ``active`` of them on average, by
    0.5 plus an exponential of mean 0.5. ``size``: values of an example; ``noise``: standard deviation of every value;
    ``train_examples``: training and validation examples together; ``structure_seed``: of the atoms, the same for
    every set drawn. ``truth``: ``atoms`` ``[atoms, size]``.
    """

    def __init__(
        self,
        *args: Any,
        size: int = 64,
        atoms: int = 256,
        active: float = 8,
        noise: float = 0.05,
        train_examples: int = 50_000,
        test_examples: int = 5000,
        structure_seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, train_examples=train_examples, test_examples=test_examples, **kwargs)
        if not 0 < active <= atoms:
            raise UserError(f"data.active={active}: must be above 0, at most data.atoms={atoms}")
        if noise < 0:
            raise UserError(f"data.noise={noise}: must be 0 or more")
        self.active = active
        self.noise = noise
        directions = np.random.default_rng(structure_seed).standard_normal((atoms, size))
        self.atoms = directions / np.linalg.norm(directions, axis=1, keepdims=True)

    def truth(self) -> dict[str, np.ndarray]:
        return {"atoms": self.atoms}

    def draw(self, count: int, seed: int) -> tuple[np.ndarray, None]:
        random = np.random.default_rng([seed, 13])
        active = random.random((count, len(self.atoms))) < self.active / len(self.atoms)
        code = active * (0.5 + random.exponential(0.5, active.shape))
        x = code @ self.atoms
        return (x + self.noise * random.standard_normal(x.shape)).astype(np.float32), None
