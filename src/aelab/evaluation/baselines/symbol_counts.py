"""Models of sequences that count: how often each symbol comes, and how often it comes behind another."""

from __future__ import annotations

import numpy as np

ALPHAS = (0.01, 0.1, 1.0, 10.0)  # added to every count; chosen on the validation part


def unigram_errors(train: np.ndarray, val: np.ndarray, test: np.ndarray, symbols: int) -> np.ndarray:
    """``-sum_t log p(x_t)`` of test sequences ``[N, T]`` in nats, ``[N]``; 0 is padding and costs nothing."""
    counts = np.bincount(train[train > 0].ravel(), minlength=symbols).astype(np.float64)
    return _best(counts[None], [np.zeros_like(part) for part in (val, test)], val, test)


def bigram_errors(train: np.ndarray, val: np.ndarray, test: np.ndarray, symbols: int, begin: int) -> np.ndarray:
    """``-sum_t log p(x_t | x_(t-1))`` of test sequences ``[N, T]`` in nats, ``[N]``; ``begin`` stands before each."""
    before = [_before(part, begin) for part in (train, val, test)]
    pairs = before[0][train > 0].astype(np.int64) * symbols + train[train > 0]
    counts = np.bincount(pairs, minlength=symbols**2).astype(np.float64).reshape(symbols, symbols)
    return _best(counts, before[1:], val, test)


def _before(x: np.ndarray, begin: int) -> np.ndarray:
    return np.concatenate([np.full_like(x[:, :1], begin), x[:, :-1]], 1)


def _best(counts: np.ndarray, before: list[np.ndarray], val: np.ndarray, test: np.ndarray) -> np.ndarray:
    logs = [np.log((counts + alpha) / (counts + alpha).sum(1, keepdims=True)) for alpha in ALPHAS]
    best = min(logs, key=lambda log: float(_errors(log, before[0], val).sum()))
    return _errors(best, before[1], test)


def _errors(logs: np.ndarray, before: np.ndarray, x: np.ndarray) -> np.ndarray:
    found: np.ndarray = -(logs[before, x] * (x > 0)).sum(1)
    return found
