"""The Frechet distance of two samples, each taken for normal."""

from __future__ import annotations

import numpy as np

from aelab.evaluation.protocol import Score

RESAMPLES = 100


def frechet_distance(first: tuple[np.ndarray, np.ndarray], second: tuple[np.ndarray, np.ndarray]) -> float:
    """``|m - m'|^2 + tr(S + S' - 2 (S S')^1/2)`` of means ``[F]`` and covariances ``[F, F]`` (Dowson & Landau 1982)."""
    (mean, covariance) = first
    (other_mean, other) = second
    values, vectors = np.linalg.eigh(covariance)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    cross = np.sqrt(np.linalg.eigvalsh(root @ other @ root).clip(0)).sum()
    return float(np.square(mean - other_mean).sum() + np.trace(covariance) + np.trace(other) - 2 * cross)


def frechet_score(metric: str, real: np.ndarray, new: np.ndarray, seed: int) -> Score:
    """Of features ``[n, F]``, ``[m, F]``, with a bootstrap's standard error over both samples, 1.96 of it each way.

    It is too large by what chance does to covariances, which a baseline of held-out examples shows.
    """
    draw = np.random.default_rng(seed)
    resampled = [
        frechet_distance(*(_normal(x[draw.integers(len(x), size=len(x))]) for x in (real, new)))
        for _ in range(RESAMPLES)
    ]
    value = frechet_distance(_normal(real), _normal(new))
    half = 1.96 * float(np.std(resampled, ddof=1))
    return Score(metric, value, max(0.0, value - half), value + half)


def _normal(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return x.mean(0), np.atleast_2d(np.cov(x.T))
