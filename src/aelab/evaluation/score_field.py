"""The vector field r(x) - x of a denoising autoencoder beside the score of the density it was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from aelab.errors import UserError
from aelab.evaluation.baselines.pca import fit_pca
from aelab.evaluation.images.sheets import figure_pixels
from aelab.evaluation.measures.intervals import mean_score
from aelab.evaluation.protocol import Coder, Examples, Score

GRID = 25  # arrows a side
SHOWN = 0.03  # of the largest density on the grid: below it no arrows are drawn


class ScoreField:
    """r(y) - y against std^2 grad log p_std(y), where p_std is the data's density blurred by noise of ``std``.

    The best denoiser of Gaussian noise is y + std^2 grad log p_std(y), for any std (Miyasawa 1961; Alain & Bengio 2014,
    theorem 1, as std goes to 0). Measured at the test examples plus noise, where the data's mixture is known:

    - ``relative_error``: sum of ||r(y) - y - score||^2 over sum of ||score||^2 (score with its std^2): 0 perfect, 1 no
      field at all.
    - ``cosine``: mean cosine of the two.
    - ``denoising_error``: mean ||r(y) - x||^2, x the example without noise; ``least_error``: the best denoiser's.

    Beside it ``pca_shrunk``, the best linear denoiser U diag(lambda / (lambda + std^2)) U'.
    """

    needs = ("numbers",)

    def __init__(self, std: float = 0.5) -> None:
        if std <= 0:
            raise UserError(f"evaluation.score_field.std={std}: must be above 0")
        self.std = std

    def measure(self, coder: Coder, data: Examples) -> list[Score]:
        self._check(coder, data)
        x = data.test.x
        y = self._noisy(data)
        field = coder.reconstruct(y) - y
        score = self.std**2 * true_score(y, data, self.std)
        squares = (score**2).sum(1)
        lengths = np.linalg.norm(field, axis=1) * np.linalg.norm(score, axis=1)
        off = ((field - score) ** 2).sum(1)
        cosine = (field * score).sum(1) / np.maximum(lengths, np.finfo(np.float64).tiny)
        return [
            Score("relative_error", float(off.sum() / squares.sum())),
            mean_score("cosine", cosine),
            mean_score("denoising_error", ((y + field - x) ** 2).sum(1)),
            mean_score("least_error", ((y + score - x) ** 2).sum(1)),
        ]

    def baselines(self, data: Examples, code_size: int) -> Mapping[str, list[Score]]:
        return {"pca_shrunk": self.measure(ShrunkPCA(data.train.x, self.std), data)}

    def pictures(self, coder: Coder, data: Examples) -> Mapping[str, np.ndarray]:
        self._check(coder, data)
        span = 1.1 * np.abs(data.train.x).max()
        side = np.linspace(-span, span, GRID)
        grid = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2).astype(np.float32)
        density = log_density(grid, data, self.std)
        grid = grid[density > density.max() + np.log(SHOWN)]
        field = coder.reconstruct(grid) - grid
        score = self.std**2 * true_score(grid, data, self.std)
        return {"field": figure_pixels(lambda axes: _draw(axes, data.train.x[:2000], grid, field, score), 6, 6)}

    def _noisy(self, data: Examples) -> np.ndarray:
        noise = np.random.default_rng([data.seed, 17]).standard_normal(data.test.x.shape)
        return np.asarray(data.test.x + self.std * noise, dtype=np.float32)

    def _check(self, coder: Coder, data: Examples) -> None:
        if not {"means", "std"} <= set(data.truth):
            raise UserError(f"data={data.name}: its density is not known; use data=mixture")
        noise = getattr(coder, "noise", self.std)
        if noise is None or abs(noise - self.std) > 1e-9:
            own = "no Gaussian noise" if noise is None else f"corruption.std={noise}"
            raise UserError(f"evaluation.score_field.std={self.std}: the run was trained with {own}; they must agree")


class ShrunkPCA:
    """The best linear denoiser of noise of ``std``: mean + U diag(lambda / (lambda + std^2)) U' (y - mean)."""

    def __init__(self, train: np.ndarray, std: float) -> None:
        mean, directions, variances = (part.numpy() for part in fit_pca(torch.as_tensor(train)))
        self.mean = mean
        self.directions = directions
        self.shrinkage = variances / (variances + std**2)
        self.code_size = len(mean)

    def encode(self, x: np.ndarray) -> np.ndarray:
        return np.asarray((x - self.mean) @ self.directions.T)

    def decode(self, code: np.ndarray) -> np.ndarray:
        return np.asarray((code * self.shrinkage) @ self.directions + self.mean)

    def reconstruct(self, x: np.ndarray) -> np.ndarray:
        return self.decode(self.encode(x))


def true_score(y: np.ndarray, data: Examples, std: float) -> np.ndarray:
    """grad log p_std at y ``[N, D]``: sum_i w_i(y) (mu_i - y) / (s^2 + std^2), w_i the components' posterior."""
    means = data.truth["means"]
    variance = float(data.truth["std"]) ** 2 + std**2
    logits = _log_kernels(y, means, variance)
    weights = np.exp(logits - logits.max(1, keepdims=True))
    weights /= weights.sum(1, keepdims=True)
    return np.asarray((weights @ means - y) / variance)


def log_density(y: np.ndarray, data: Examples, std: float) -> np.ndarray:
    """log p_std at y ``[N, D]``."""
    means = data.truth["means"]
    variance = float(data.truth["std"]) ** 2 + std**2
    kernels = _log_kernels(y, means, variance)
    constant = np.log(len(means)) + y.shape[1] / 2 * np.log(2 * np.pi * variance)
    return np.asarray(np.logaddexp.reduce(kernels, axis=1) - constant)


def _log_kernels(y: np.ndarray, means: np.ndarray, variance: float) -> np.ndarray:
    return np.asarray(-((y[:, None, :].astype(np.float64) - means) ** 2).sum(-1) / (2 * variance))


def _draw(axes: Any, points: np.ndarray, grid: np.ndarray, field: np.ndarray, score: np.ndarray) -> None:
    axes.scatter(points[:, 0], points[:, 1], s=2, color="0.85", linewidths=0)
    shape = {"angles": "xy", "scale_units": "xy", "scale": 1.0}
    truth = r"true score, $\sigma^2 \nabla \log p_\sigma(x)$"
    learned = "learned, $r(x) - x$"
    axes.quiver(*grid.T, *score.T, color="#ee8866", width=0.006, label=truth, **shape)
    axes.quiver(*grid.T, *field.T, color="#004488", width=0.0025, label=learned, **shape)
    axes.set(aspect="equal", xticks=[], yticks=[])
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 0), ncols=2, frameon=False)
