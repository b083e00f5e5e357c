"""Which values of examples are hidden to ask for them: at random, or in a way that what stays tells."""

from __future__ import annotations

import numpy as np

MECHANISMS = ("mcar", "mar")
DRIVERS = 0.3  # share of the columns that are never hidden where the others' gaps depend on them


def hidden_values(known: np.ndarray, columns: np.ndarray, mechanism: str, rate: float, seed: int) -> np.ndarray:
    """Which values of examples ``[N, D]`` are hidden, bool; always the same for a seed.

    ``known``: examples, NaN where they have no value, which is never hidden. ``columns``: long ``[D]``, that each value
    belongs to; the values of one are hidden together. ``mcar``: each with probability ``rate``, whatever the values are
    (completely at random). ``mar``: three columns of ten are never hidden, and of them depends the probability of the
    others, whose mean is ``rate``, by a logistic function with random weights (at random: what is seen explains it;
    Muzellec et al. 2020). Of every example one column at least is left.
    """
    random = np.random.default_rng([seed, MECHANISMS.index(mechanism), round(1000 * rate)])
    there = _by_column(~np.isnan(known), columns)
    draws = random.random(there.shape)
    if mechanism == "mcar":
        chance = np.full(there.shape, rate)
    else:
        chance = _depending(np.nan_to_num(known), columns, rate, random)
    hidden = there & (draws < chance)
    all_gone = hidden.sum(1) == there.sum(1)
    kept = np.where(there, draws, -1).argmax(1)
    hidden[all_gone, kept[all_gone]] = False
    return hidden[:, columns] & ~np.isnan(known)


def _by_column(there: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Whether an example has a column at all, ``[N, C]``."""
    return np.stack([there[:, columns == column].any(1) for column in range(columns.max() + 1)], 1)


def _depending(x: np.ndarray, columns: np.ndarray, rate: float, random: np.random.Generator) -> np.ndarray:
    """The probability ``[N, C]`` of each column; 0 of those on which it depends."""
    count = int(columns.max()) + 1
    drivers = random.permutation(count)[: min(count - 1, max(1, round(DRIVERS * count)))]
    driving = x[:, np.isin(columns, drivers)].astype(np.float64)
    driving = (driving - driving.mean(0)) / np.maximum(driving.std(0), 1e-12)
    scores = driving @ random.standard_normal((driving.shape[1], count))
    scores /= np.maximum(scores.std(0), 1e-12)
    chance = 1 / (1 + np.exp(-(scores + _intercepts(scores, rate))))
    chance[:, drivers] = 0
    return chance


def _intercepts(scores: np.ndarray, rate: float) -> np.ndarray:
    """What added to scores ``[N, C]`` makes the mean probability of each column ``rate``, by bisection."""
    low = np.full(scores.shape[1], -50.0)
    high = np.full(scores.shape[1], 50.0)
    for _ in range(60):
        middle = (low + high) / 2
        above = (1 / (1 + np.exp(-(scores + middle)))).mean(0) > rate
        low = np.where(above, low, middle)
        high = np.where(above, middle, high)
    return middle
