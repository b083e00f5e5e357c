"""Generated data near a linear subspace: x = H z + noise, where new training sets cost nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from aelab.data.generated import Generated
from aelab.errors import UserError


class Subspace(Generated):
    """``x = H z / sqrt(latent) + noise * e`` with z, e and the entries of H standard normal.

    The set-up of studies of double descent in autoencoders (Rahimi et al. 2024), where the noise in the
    training set, but not in the test set, is what there is to overfit. ``size``: values of an example;
    ``latent``: dimension of the subspace; ``noise``: standard deviation in training and validation, per value
    (the signal's is 1); ``test_noise``: in the test part; ``train_examples``: training and validation examples
    together; ``structure_seed``: of H, which is the same for every set drawn.
    """

    def __init__(
        self,
        *args: Any,
        size: int = 50,
        latent: int = 20,
        noise: float = 1.0,
        test_noise: float = 0.0,
        train_examples: int = 1000,
        test_examples: int = 5000,
        structure_seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, train_examples=train_examples, test_examples=test_examples, **kwargs)
        if not 1 <= latent <= size:
            raise UserError(f"data.latent={latent}: must be between 1 and data.size={size}")
        for key, value in (("noise", noise), ("test_noise", test_noise)):
            if value < 0:
                raise UserError(f"data.{key}={value}: must be 0 or more")
        self.values_per_example = size
        self.latent = latent
        self.noise = noise
        self.test_noise = test_noise
        self.directions = np.random.default_rng(structure_seed).standard_normal((latent, size)) / latent**0.5

    def draw(self, count: int, seed: int) -> tuple[np.ndarray, None]:
        return self._draw(count, seed, self.noise), None

    def draw_test(self, count: int, seed: int) -> tuple[np.ndarray, None]:
        return self._draw(count, seed, self.test_noise), None

    def _draw(self, count: int, seed: int, noise: float) -> np.ndarray:
        random = np.random.default_rng([seed, 7])
        signal = random.standard_normal((count, self.latent)) @ self.directions
        return (signal + noise * random.standard_normal(signal.shape)).astype(np.float32)
