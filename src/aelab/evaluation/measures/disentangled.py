"""How far the units of a code are the factors of the data: four measures, each of codes ``[N, H]`` and whole-number
factors ``[N, F]``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import entr

BINS = 20  # of a unit's values, equally wide


def binned(code: np.ndarray) -> np.ndarray:
    """Each unit's values as numbers of 20 equally wide bins, ``[N, H]``."""
    low = code.min(0)
    span = np.ptp(code, axis=0)
    found: np.ndarray = np.minimum((code - low) / np.where(span > 0, span, 1) * BINS, BINS - 1).astype(np.int64)
    return found


def mutual_information(bins: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Between each unit's bins ``[N, H]`` and each factor ``[N, F]``, nats, ``[H, F]``, by their counts."""
    found = np.empty((bins.shape[1], factors.shape[1]))
    for h, unit in enumerate(bins.T):
        for f, factor in enumerate(factors.T):
            counts = np.zeros((BINS, factor.max() + 1))
            np.add.at(counts, (unit, factor), 1)
            joint = counts / len(unit)
            found[h, f] = entr(joint.sum(0)).sum() + entr(joint.sum(1)).sum() - entr(joint).sum()
    return found


def mutual_information_gap(bins: np.ndarray, factors: np.ndarray) -> float:
    """Mean over factors of what the best unit knows of it beyond the second best, over its entropy (Chen et al. 2018).

    ``bins``: see ``binned``.
    """
    information = np.sort(mutual_information(bins, factors), 0)[::-1]
    second = information[1] if len(information) > 1 else 0.0
    entropy = np.array([entr(np.bincount(factor) / len(factor)).sum() for factor in factors.T])
    varying = entropy > 0
    return float(((information[0] - second)[varying] / entropy[varying]).mean())


def separated_attributes(code: np.ndarray, factors: np.ndarray) -> float:
    """SAP: mean over factors of the R^2 of the best unit less that of the second best (Kumar et al. 2018).

    Factors are taken for numbers; of the shape, which is none, the R^2 of telling each value from the others, averaged.
    """
    scores = np.stack([_explained(code, factor) for factor in factors.T], 1)
    ordered = np.sort(scores, 0)[::-1]
    return float((ordered[0] - (ordered[1] if len(ordered) > 1 else 0.0)).mean())


def _explained(code: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """R^2 of a factor from each unit alone ``[H]``: the square of their correlation."""
    targets = factor[:, None] if factor.max() > 2 else factor[:, None] == np.arange(factor.max() + 1)
    x, y = (some - some.mean(0) for some in (code, targets.astype(np.float64)))
    scale = np.outer((x**2).sum(0), (y**2).sum(0))
    squares = np.divide((x.T @ y) ** 2, scale, out=np.zeros_like(scale), where=scale > 0)
    found: np.ndarray = squares.mean(1)
    return found


def votes(
    code: np.ndarray, factors: np.ndarray, count: int, size: int, draw: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Of ``count`` batches of ``size`` examples that agree in one factor: which unit varies least for its spread over
    all, ``[count]``, and which factor it was, ``[count]`` (Kim & Mnih 2018)."""
    spread = code.var(0)
    alive = np.flatnonzero(spread > 1e-9 * max(spread.max(), 1e-12))
    fixed = draw.integers(factors.shape[1], size=count)
    units = np.empty(count, np.int64)
    for number, factor in enumerate(fixed):
        value = factors[draw.integers(len(factors)), factor]
        alike = np.flatnonzero(factors[:, factor] == value)
        some = code[draw.choice(alike, size)][:, alive]
        units[number] = alive[(some.var(0) / spread[alive]).argmin()]
    return units, fixed


def majority_right(known: tuple[np.ndarray, np.ndarray], asked: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Which of the batches ``asked`` have the factor that most of the ``known`` ones with their unit had, ``[n]``."""
    table = np.zeros((max(known[0].max(), asked[0].max()) + 1, max(known[1].max(), asked[1].max()) + 1))
    np.add.at(table, known, 1)
    found: np.ndarray = table.argmax(1)[asked[0]] == asked[1]
    return found


def concentration(importance: np.ndarray) -> tuple[float, float]:
    """Disentanglement and completeness of importances ``[H, F]`` (Eastwood & Williams 2018): 1 less the entropy of a
    row (a unit's share of each factor), weighted by the row's part of all; and the same of columns, each alike."""
    total = importance.sum()
    if total <= 0:
        return 0.0, 0.0
    rows, columns = (_sure(table) for table in (importance, importance.T))
    return float(rows @ importance.sum(1) / total), float(columns.mean())


def _sure(table: np.ndarray) -> np.ndarray:
    """1 less the entropy of each row over the largest there is, ``[n]``."""
    if table.shape[1] < 2:
        return np.ones(len(table))
    sums = table.sum(1, keepdims=True)
    shares = np.divide(table, sums, out=np.full_like(table, 1 / table.shape[1]), where=sums > 0)
    found: np.ndarray = 1 - entr(shares).sum(1) / np.log(table.shape[1])
    return found


def bootstrapped(measure: Callable[[np.ndarray], float], count: int, resamples: int, seed: int) -> float:
    """The standard error of ``measure(rows)`` over draws of ``count`` rows with replacement."""
    draw = np.random.default_rng(seed)
    return float(np.std([measure(draw.integers(count, size=count)) for _ in range(resamples)], ddof=1))
