"""Predicting a skewed count, such as how many people will vote on a film, from codes of what is known of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aelab.errors import UserError
from aelab.evaluation.baselines.linear import PCACoder, RawCoder
from aelab.evaluation.baselines.regression import Counted, boosted, msle_score, ridge, spearman_score
from aelab.evaluation.checks import require_counts, require_varying
from aelab.evaluation.images.sheets import figure_pixels
from aelab.evaluation.protocol import Coder, Examples, Score


class Popularity:
    """Regression of the labels, counts of 0 or more, on codes: error in the logarithm, and order.

    - ``ridge_msle``, ``ridge_spearman``: ridge regression of log(1 + count) on standardised codes; the mean squared
      logarithmic error, and the rank correlation of prediction and count.
    - ``boosting_msle``, ``boosting_spearman``: the same by gradient-boosted trees.

    Both learn from the training part, their hyperparameters are chosen on val, and the chosen ones learn from both.
    ``labels``: training examples whose counts are used, null for all. ``penalties``: of the ridge; ``leaves`` of a
    tree and at most ``rounds`` trees.

    Beside it: PCA of the same code size; the raw values, whose boosting is the one to beat; and ``mean``, which
    predicts the same for all.
    """

    takes_gaps = True

    def __init__(
        self,
        labels: int | None = None,
        penalties: Sequence[float] = (0.1, 1.0, 10.0, 100.0, 1000.0),
        leaves: Sequence[int] = (8, 32),
        rounds: int = 200,
    ) -> None:
        self.labels = labels
        self.penalties = penalties
        self.leaves = leaves
        self.rounds = rounds

    def facts(self, data: Examples) -> dict[str, Any]:
        return {"labels": len(self._labelled(data)) + len(data.val.x)}

    def measure(self, coder: Coder, data: Examples) -> list[Score]:
        train, val, test = self._parts(coder, data)
        by_ridge = ridge(train, val, test.code, self.penalties)
        by_trees = boosted(train, val, test.code, self.leaves, self.rounds, data.seed)
        return [
            msle_score("ridge_msle", by_ridge, test.z),
            spearman_score("ridge_spearman", by_ridge, test.z),
            msle_score("boosting_msle", by_trees, test.z),
            spearman_score("boosting_spearman", by_trees, test.z),
        ]

    def baselines(self, data: Examples, code_size: int) -> Mapping[str, list[Score]]:
        raw = RawCoder(data.train.x.shape[1])
        train, val, test = self._parts(raw, data)
        mean = np.full(len(test.z), train.joined(val).z.mean())
        always = {"mean": [msle_score("ridge_msle", mean, test.z), msle_score("boosting_msle", mean, test.z)]}
        if data.kind == "symbols":
            return always
        of_numbers = {"pca": self.measure(PCACoder(data.train.x, code_size), data), "raw": self.measure(raw, data)}
        return of_numbers | always

    def pictures(self, coder: Coder, data: Examples) -> Mapping[str, np.ndarray]:
        train, val, test = self._parts(coder, data)
        predicted = boosted(train, val, test.code, self.leaves, self.rounds, data.seed)
        return {"predictions": figure_pixels(lambda axes: _predictions(axes, predicted, test.z))}

    def _parts(self, coder: Coder, data: Examples) -> tuple[Counted, Counted, Counted]:
        train, val, test = (np.log1p(counts) for counts in require_counts(data))
        rows = self._labelled(data)
        return (
            Counted(require_varying(coder.encode(data.train.x[rows])), train[rows]),
            Counted(coder.encode(data.val.x), val),
            Counted(coder.encode(data.test.x), test),
        )

    def _labelled(self, data: Examples) -> np.ndarray:
        """Rows of the training part whose counts are used."""
        size = len(data.train.x)
        if self.labels is not None and not 2 <= self.labels <= size:
            raise UserError(
                f"evaluation.popularity.labels={self.labels}: must be 2 to {size}, the size of the training part"
            )
        return np.sort(np.random.default_rng(data.seed).permutation(size)[: self.labels])


def _predictions(axes: Any, predicted: np.ndarray, z: np.ndarray) -> None:
    top = max(z.max(), predicted.max()) * 1.03
    axes.hexbin(predicted, z, gridsize=45, bins="log", cmap="Blues", extent=(0, top, 0, top), linewidths=0)
    axes.plot([0, top], [0, top], color="0.5", linestyle="--", linewidth=1)
    counts = [count for count in (0, 1, *(10**power for power in range(1, 12))) if np.log1p(count) < top]
    axes.set_xticks(np.log1p(counts), [f"{count:,}" for count in counts])
    axes.set_yticks(np.log1p(counts), [f"{count:,}" for count in counts])
    axes.set(xlabel="predicted by boosting on the code", ylabel="count", xlim=(0, top), ylim=(0, top))
