"""How far new examples are from real ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from aelab.errors import UserError
from aelab.evaluation.baselines.linear import PCACoder
from aelab.evaluation.images.states import image_rows
from aelab.evaluation.measures.energy_distance import energy_distance
from aelab.evaluation.measures.mixture import mixture_draws
from aelab.evaluation.protocol import Coder, Examples, Score


class Samples:
    """The energy distance (Szekely & Rizzo 2013) of ``count`` new examples to as many of the test part.

    - ``distance_prior``: new ones are decoded draws of the prior N(0, I), of variants whose codes have one.
    - ``distance_mixture``: of a mixture of ten Gaussians fitted to training codes (Ghosh et al. 2020).

    0 of one distribution, up to chance, which the ``train`` baseline shows: training examples in place of new ones.
    ``pca``: the same mixture of codes of PCA of the same code size. Values are compared as they are: it tells blurred
    or impossible examples, not what a person would call good ones. Intervals are over both samples.
    """

    needs = ("numbers",)

    def __init__(self, count: int = 1000, shown: int = 8) -> None:
        if count < 10:
            raise UserError(f"evaluation.samples.count={count}: must be at least 10")
        self.count = count
        self.shown = shown

    def measure(self, coder: Coder, data: Examples) -> list[Score]:
        real = self._some(data.test.x, data.seed)
        return [energy_distance(f"distance_{name}", new, real) for name, new in self._new(coder, data).items()]

    def baselines(self, data: Examples, code_size: int) -> Mapping[str, list[Score]]:
        real = self._some(data.test.x, data.seed)
        pca = PCACoder(data.train.x, code_size)
        drawn = pca.decode(mixture_draws(pca.encode(data.train.x), self.count, data.seed))
        known = self._some(data.train.x, data.seed)
        return {
            "train": [energy_distance("distance_prior", known, real), energy_distance("distance_mixture", known, real)],
            "pca": [energy_distance("distance_mixture", drawn, real)],
        }

    def pictures(self, coder: Coder, data: Examples) -> Mapping[str, np.ndarray]:
        if len(data.shape) != 3:
            return {}
        rows: dict[str, Any] = {"real": data.test.x} | self._new(coder, data)
        columns = min(self.shown, *map(len, rows.values()))
        shown: dict[str, Any] = {name: x[:columns].reshape(-1, *data.shape).clip(0, 1) for name, x in rows.items()}
        return {"drawn": image_rows(shown, unrated=tuple(shown))}

    def _new(self, coder: Coder, data: Examples) -> dict[str, np.ndarray]:
        """New examples ``[count, D]``, by what they were drawn from."""
        codes = {"mixture": mixture_draws(coder.encode(data.train.x), self.count, data.seed)}
        if getattr(coder, "prior", None) == "normal":
            draw = np.random.default_rng(data.seed)
            codes["prior"] = draw.standard_normal((self.count, coder.code_size)).astype(np.float32)
        return {name: coder.decode(code) for name, code in codes.items()}

    def _some(self, x: np.ndarray, seed: int) -> np.ndarray:
        chosen: Any = np.random.default_rng(seed).permutation(len(x))[: self.count]
        found: np.ndarray = x[chosen]
        return found
