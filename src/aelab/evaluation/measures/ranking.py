"""Exact rankings of many examples for many queries, a few queries at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

SCORES = 2**24  # similarities held at once, 64 MiB


def unit(code: np.ndarray) -> np.ndarray:
    """Codes ``[N, H]`` scaled to length 1, so that inner products are cosines; zero stays zero."""
    length = np.linalg.norm(code, axis=1, keepdims=True)
    return (code / np.where(length == 0, 1, length)).astype(np.float32)


def nearest(known: np.ndarray, queries: np.ndarray, k: int) -> np.ndarray:
    """Rows ``[Q, k]`` of ``known`` ``[N, H]`` with the largest inner products with each query, largest first."""
    found = []
    for part in _chunks(queries, len(known)):
        similar = part @ known.T
        first = np.argpartition(-similar, k - 1, axis=1)[:, :k]
        order = np.argsort(-np.take_along_axis(similar, first, 1), axis=1)
        found.append(np.take_along_axis(first, order, 1))
    return np.concatenate(found)


def ranked_scores(
    known: np.ndarray, labels: np.ndarray, queries: np.ndarray, wanted: np.ndarray, ks: Sequence[int], seed: int
) -> dict[str, np.ndarray]:
    """``precision_at_k``, ``recall_at_k`` and ``map`` (average precision) of each query, ``[Q]``.

    Rankings of ``known`` ``[N, H]`` by the inner product, largest first; right are those whose label is the query's
    in ``wanted``, which must occur. Equal products come in an order drawn from ``seed``.
    """
    order = np.random.default_rng(seed).permutation(len(known))
    known = known[order]
    labels = labels[order]
    scores: dict[str, list[np.ndarray]] = {}
    opposite = -known.T
    start = 0
    for part in _chunks(queries, len(known)):
        ranking = np.argsort(part @ opposite, axis=1)
        right = labels[ranking] == wanted[start : start + len(part), None]
        hits = right.cumsum(1, dtype=np.int32)
        for k in ks:
            scores.setdefault(f"precision_at_{k}", []).append(hits[:, k - 1] / k)
            scores.setdefault(f"recall_at_{k}", []).append(hits[:, k - 1] / hits[:, -1])
        query, place = np.nonzero(right)
        precisions = np.bincount(query, hits[query, place] / (place + 1), len(part))
        scores.setdefault("map", []).append(precisions / hits[:, -1])
        start += len(part)
    return {name: np.concatenate(parts) for name, parts in scores.items()}


def _chunks(queries: np.ndarray, against: int) -> list[np.ndarray]:
    rows = max(1, SCORES // against)
    return [queries[start : start + rows] for start in range(0, len(queries), rows)]
