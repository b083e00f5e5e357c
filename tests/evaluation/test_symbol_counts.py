"""Models that count symbols, against sums by hand."""

from __future__ import annotations

import numpy as np
import pytest

from aelab.evaluation.baselines.symbol_counts import ALPHAS, bigram_errors, unigram_errors

TRAIN = np.array([[4, 5, 2, 0], [4, 4, 5, 2], [5, 2, 0, 0]])
VAL = np.array([[4, 5, 2, 0]])
TEST = np.array([[5, 4, 2, 0], [4, 2, 0, 0]])


def by_hand(counts: dict[int, dict[int, int]], alpha: float, sequence: list[int]) -> float:
    """-log p of symbols above 0, each given what ``counts`` calls what is before it (0 where nothing is asked)."""
    total, before = 0.0, 1
    for symbol in sequence:
        of = counts[before if len(counts) > 1 else 0]
        total -= np.log((of.get(symbol, 0) + alpha) / (sum(of.values()) + 6 * alpha))
        before = symbol
    return total


def best(counts: dict[int, dict[int, int]]) -> float:
    return min(ALPHAS, key=lambda alpha: by_hand(counts, alpha, [4, 5, 2]))


def test_a_unigram_model() -> None:
    counts = {0: {4: 3, 5: 3, 2: 3}}
    wanted = [by_hand(counts, best(counts), row) for row in ([5, 4, 2], [4, 2])]
    assert unigram_errors(TRAIN, VAL, TEST, 6) == pytest.approx(wanted, abs=1e-12)


def test_a_bigram_model() -> None:
    counts = {1: {4: 2, 5: 1}, 4: {5: 2, 4: 1}, 5: {2: 3}, 2: {}, 0: {}, 3: {}}
    wanted = [by_hand(counts, best(counts), row) for row in ([5, 4, 2], [4, 2])]
    assert bigram_errors(TRAIN, VAL, TEST, 6, 1) == pytest.approx(wanted, abs=1e-12)


def test_padding_changes_nothing() -> None:
    wide = [np.pad(part, ((0, 0), (0, 3))) for part in (TRAIN, VAL, TEST)]
    assert bigram_errors(*wide, 6, 1) == pytest.approx(bigram_errors(TRAIN, VAL, TEST, 6, 1), abs=1e-12)
    assert unigram_errors(*wide, 6) == pytest.approx(unigram_errors(TRAIN, VAL, TEST, 6), abs=1e-12)
