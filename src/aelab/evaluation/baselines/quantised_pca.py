"""Principal components, quantised in groups by k-means: what a vector-quantised code has to beat at equal bits."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Self

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

from aelab.evaluation.baselines.linear import PCACoder


class QuantisedPCA:
    """``words`` groups of ``values`` principal components, each one of ``entries`` k-means centres of training codes
    (product quantisation, Jegou et al. 2011).

    ``dealt``: the components are dealt out to the groups in turn, so that all have as much to tell; else neighbours
    are together.
    """

    def __init__(self, train: np.ndarray, words: int, entries: int, values: int, dealt: bool, seed: int) -> None:
        self.pca = PCACoder(train, words * values)
        numbers = np.arange(self.pca.code_size)
        self.groups = [
            some
            for some in (numbers[word::words] if dealt else numbers[word * values :][:values] for word in range(words))
            if len(some)
        ]
        code = self.pca.encode(train)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # fewer different codes than centres: some are equal
            self.means = [
                KMeans(min(entries, len(train)), n_init=1, random_state=seed).fit(code[:, group])
                for group in self.groups
            ]

    @classmethod
    def best(
        cls, train: np.ndarray, val: np.ndarray, words: int, entries: int, values: Iterable[int], seed: int
    ) -> Self:
        """The one of lowest error on the validation part, over the numbers of ``values`` and both arrangements."""
        possible = [count for count in values if words * count <= train.shape[1]] or [1]
        ways = [(count, dealt) for count in possible for dealt in (False, True)]
        found = [cls(train, words, entries, count, dealt, seed) for count, dealt in ways]
        return min(found, key=lambda one: float(np.square(one.reconstruct(val) - val).sum()))

    def reconstruct(self, x: np.ndarray) -> np.ndarray:
        """Examples ``[N, D]`` rebuilt from the centres nearest to their components."""
        code = self.pca.encode(x)
        rebuilt = np.zeros_like(code)
        for group, means in zip(self.groups, self.means, strict=True):
            rebuilt[:, group] = means.cluster_centers_[means.predict(np.ascontiguousarray(code[:, group]))]
        return self.pca.decode(rebuilt)
