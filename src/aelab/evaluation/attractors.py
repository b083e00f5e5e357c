"""Whether training examples are attractors: where an overparameterised autoencoder memorises, iterating it recalls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from aelab.errors import UserError
from aelab.evaluation.baselines.linear import PCACoder
from aelab.evaluation.images.sheets import figure_pixels
from aelab.evaluation.measures.intervals import accuracy_score, mean_score
from aelab.evaluation.protocol import Coder, Examples, Score

BELOW_ONE = 1 - 1e-4  # what float32 can tell from 1
PLACES = 40  # of the curve
FLOOR = 1e-9  # of its axis


class Reconstructor(Coder, Protocol):
    def reconstruction_jacobian(self, x: np.ndarray) -> np.ndarray: ...


class Attractors:
    """Radhakrishnan, Belkin & Uhler 2020 (PNAS, arXiv 1909.12362): r is iterated from noisy and from new examples.

    - ``train_error``: squared error of the training examples, summed over values; near 0 where they are fixed points.
    - ``spectral_radius``: mean of the largest absolute eigenvalue of the Jacobian of r at training examples.
    - ``attracting``: share of them that are fixed points, within ``tolerance``, and whose radius is below 1, so that r
      pulls their neighbourhood in.
    - ``recovered``: share of training examples that r, iterated, finds again from themselves plus Gaussian noise.
    - ``recalled``: share of test examples from which the iterates end at some training example.

    ``noise``: its standard deviation, as a share of the training values' root mean variance. ``iterations``: at most.
    ``tolerance``: two examples are the same within this share of the training part's total variance. ``examples``: of
    each part, at most. PCA of the same code size stands beside: a projection, whose Jacobian's radius is 1.
    """

    needs = ("numbers", "jacobian")

    def __init__(
        self, noise: float = 0.5, iterations: int = 1000, tolerance: float = 0.01, examples: int = 100
    ) -> None:
        if noise < 0 or iterations < 1 or examples < 1:
            raise UserError(
                f"evaluation.attractors: noise={noise} must be 0 or more, iterations={iterations} and "
                f"examples={examples} at least 1"
            )
        self.noise = noise
        self.iterations = iterations
        self.tolerance = tolerance
        self.examples = examples

    def measure(self, coder: Reconstructor, data: Examples) -> list[Score]:
        train = data.train.x[: self.examples]
        test = data.test.x[: self.examples]
        scale = data.train.x.var(0, dtype=np.float64).sum()
        if not scale:
            raise UserError(f"data={data.name}: all training examples are the same, so there is one place to end at")
        coder.encode(train)  # which refuses what is not finite; iterates may well escape
        radius = spectral_radii(coder, train)
        error = _distance(coder.reconstruct(train), train)
        found = self._end(coder, self._noisy(train, data))
        nearest = [_distance(data.train.x, end).min() for end in self._end(coder, test)]
        near = self.tolerance * scale
        return [
            mean_score("train_error", error),
            mean_score("spectral_radius", radius),
            accuracy_score("attracting", (radius < BELOW_ONE) & (error < near)),
            accuracy_score("recovered", _distance(found, train) < near),
            accuracy_score("recalled", np.array(nearest) < near),
        ]

    def baselines(self, data: Examples, code_size: int) -> Mapping[str, list[Score]]:
        return {"pca": self.measure(PCACoder(data.train.x, code_size), data)}

    def pictures(self, coder: Coder, data: Examples) -> Mapping[str, np.ndarray]:
        train = data.train.x[: self.examples]
        scale = data.train.x.var(0, dtype=np.float64).sum()
        x = self._noisy(train, data)
        steps = [0]
        distances = []
        for step in [0, *np.unique(np.geomspace(1, self.iterations, PLACES).astype(int))]:
            x = iterated(coder, x, step - steps[-1])
            steps.append(step)
            distances.append(_distance(x, train) / scale)
        return {"basins": figure_pixels(lambda axes: _basins(axes, np.array(steps[1:]), distances, self.tolerance))}

    def _noisy(self, x: np.ndarray, data: Examples) -> np.ndarray:
        std = self.noise * np.sqrt(data.train.x.var(0, dtype=np.float64).mean())
        draws: Any = np.random.default_rng(data.seed).normal(0, std, x.shape)
        return (x + draws).astype(np.float32)

    def _end(self, coder: Coder, x: np.ndarray) -> np.ndarray:
        return iterated(coder, x, self.iterations)


def _distance(x: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Squared, of rows ``[N, D]``; infinite for what has escaped."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.nan_to_num(np.square(x.astype(np.float64) - other).sum(1), nan=np.inf, posinf=np.inf)


def iterated(coder: Coder, x: np.ndarray, times: int) -> np.ndarray:
    """r applied ``times`` times to ``[N, D]``, or until nothing moves; what escapes to infinity stays there."""
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(times):
            after = coder.reconstruct(x)
            if np.array_equal(after, x, equal_nan=True):
                break
            x = after
    return x


def spectral_radii(coder: Reconstructor, x: np.ndarray) -> np.ndarray:
    """Largest absolute eigenvalue ``[N]`` of the Jacobian of r at examples ``[N, D]``."""
    return np.array([np.abs(np.linalg.eigvals(coder.reconstruction_jacobian(one[None])[0])).max() for one in x])


def _basins(axes: Any, steps: np.ndarray, distances: list[np.ndarray], tolerance: float) -> None:
    """A line for each example: blue where it ends within ``tolerance``."""
    lines = np.clip(distances, FLOOR, 1 / FLOOR)
    found = lines[-1] < tolerance
    for kept, colour, name in ((~found, "#cc6677", "ends elsewhere"), (found, "#4477aa", "found again")):
        if kept.any():
            drawn = axes.plot(steps, lines[:, kept], color=colour, alpha=0.7, linewidth=1)
            drawn[0].set_label(f"{name}: {kept.sum()} of {len(kept)}")
    axes.axhline(tolerance, color="0.5", linestyle="--", linewidth=1)
    axes.set(xlabel="times reconstructed, from example + noise", ylabel="squared distance to the example / variance")
    axes.set_xscale("symlog", linthresh=1)
    axes.set_xlim(left=0)
    axes.set_yscale("log")
    axes.legend(frameon=False)
