"""How much closer the codes of two inputs are than the inputs, against the distance between the inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aelab.errors import UserError
from aelab.evaluation.baselines.linear import PCACoder
from aelab.evaluation.images.sheets import figure_pixels
from aelab.evaluation.measures.intervals import mean_score
from aelab.evaluation.protocol import Coder, Curve, Examples, Score

PLACES = 25  # of the curve


class Contraction:
    """The contraction ratio ``|f(x + r u) - f(x)| / r``, u a random direction of length 1 (Rifai et al. 2011).

    ``ratio_at_<r>``: its mean over ``examples`` test examples x, for each of ``radii``. As r falls it tends to
    |J_f(x) u|, whose mean square is ||J_f(x)||_F^2 over the number of values. The curve goes from the smallest radius
    to the largest, with the same directions at each.

    PCA of the same code size stands beside: a projection, whose ratio is the same at all distances.
    """

    needs = ("numbers",)

    def __init__(self, radii: Sequence[float] = (0.1, 1.0, 10.0), examples: int = 1000) -> None:
        if not radii or min(radii) <= 0:
            raise UserError(f"evaluation.contraction.radii={list(radii)}: must be one or more numbers above 0")
        if examples < 2:
            raise UserError(f"evaluation.contraction.examples={examples}: must be at least 2")
        self.radii = sorted(radii)
        self.examples = examples

    def measure(self, coder: Coder, data: Examples) -> list[Score]:
        ratios = self._ratios(coder, data, self.radii)
        return [mean_score(f"ratio_at_{r:g}", values) for r, values in zip(self.radii, ratios, strict=True)]

    def baselines(self, data: Examples, code_size: int) -> Mapping[str, list[Score]]:
        return {"pca": self.measure(PCACoder(data.train.x, code_size), data)}

    def curves(self, coder: Coder, data: Examples) -> Mapping[str, Curve]:
        places = np.geomspace(self.radii[0], self.radii[-1], PLACES)
        means = self._ratios(coder, data, places).mean(1)
        return {"ratio": Curve(places, means, "distance between two inputs", "distance of their codes over it", "xy")}

    def pictures(self, coder: Coder, data: Examples) -> Mapping[str, np.ndarray]:
        return {"ratio": figure_pixels(lambda axes: _draw(axes, self.curves(coder, data)["ratio"]))}

    def _ratios(self, coder: Coder, data: Examples, radii: Sequence[float] | np.ndarray) -> np.ndarray:
        """``[radii, examples]``."""
        random = np.random.default_rng(data.seed)
        x = data.test.x[np.sort(random.permutation(len(data.test.x))[: self.examples])]
        directions = random.standard_normal(x.shape)
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        code = coder.encode(x).astype(np.float64)
        moved = (coder.encode((x + r * directions).astype(np.float32)) for r in radii)
        return np.stack([np.linalg.norm(there - code, axis=1) / r for r, there in zip(radii, moved, strict=True)])


def _draw(axes: Any, curve: Curve) -> None:
    axes.plot(curve.x, curve.y, color="#4477aa")
    axes.set(xlabel=curve.x_name, ylabel=curve.y_name, xscale="log")
    if np.max(curve.y) > 0:  # else a code that never moves
        axes.set_yscale("log")
