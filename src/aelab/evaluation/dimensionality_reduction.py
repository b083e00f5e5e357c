"""What a code keeps of its input: classes, neighbourhoods and values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.manifold import TSNE, trustworthiness

from aelab.errors import UserError
from aelab.evaluation.baselines.linear import PCACoder, RawCoder
from aelab.evaluation.baselines.logistic_pca import LogisticPCACoder
from aelab.evaluation.baselines.probes import Labelled, best_neighbours, knn_accuracy, probe_accuracy
from aelab.evaluation.checks import require_classes, require_varying
from aelab.evaluation.images.sheets import figure_pixels, scatter
from aelab.evaluation.measures.intervals import accuracy_score, mean_score
from aelab.evaluation.protocol import Coder, Examples, Part, Score


class DimensionalityReduction:
    """Probes of the code, and how well it keeps neighbours and values.

    - ``knn_accuracy``, ``probe_accuracy``: of the k nearest neighbours and of a logistic regression on standardised
      codes. Both learn from the training part, their k and C are chosen on val, and the chosen ones learn from both.
    - ``trustworthiness``, ``continuity`` (Venna & Kaski 2001): whether neighbours in the code are neighbours in the
      input, and the other way round; 1 is perfect.
    - ``error``: squared error, summed over the values of an example.
    - ``val_knn_accuracy``, ``val_probe_accuracy``: of the training part on val, by which settings may be chosen.

    Beside it: PCA of the same code size; ``pca_tuned``, of as many of ``components`` as are best on val for kNN, k
    chosen with them; logistic PCA where all values lie in [0, 1]; the raw input.
    """

    needs = ("numbers",)

    def __init__(
        self,
        neighbours: Sequence[int] = (1, 3, 5, 7, 9, 15),
        regularization: Sequence[float] = (0.01, 0.1, 1.0, 10.0),
        components: Sequence[int] = (5, 10, 15, 20, 25, 30, 40, 50, 70, 100),
        labels: int | None = None,
        neighbourhood: int = 12,
        sample: int = 2000,
        logistic_examples: int = 10_000,
        map_examples: int = 1500,
    ) -> None:
        self.neighbours = neighbours
        self.regularization = regularization
        self.components = sorted(components)
        self.labels = labels
        self.neighbourhood = neighbourhood
        self.sample = sample
        self.logistic_examples = logistic_examples
        self.map_examples = map_examples

    def facts(self, data: Examples) -> dict[str, Any]:
        return {"labels": len(self._labelled(data)) + len(data.val.x)}

    def measure(self, coder: Coder, data: Examples) -> list[Score]:
        code = require_varying(coder.encode(data.test.x))
        chosen = self._chosen(data.test, self.sample, data.seed)
        if self.neighbourhood >= len(chosen) / 2:
            raise UserError(
                f"evaluation.dimensionality_reduction.neighbourhood={self.neighbourhood}: must be below half of the "
                f"{len(chosen)} test examples it is measured on"
            )
        x = data.test.x[chosen]
        mapped = code[chosen]
        return [
            *self._accuracies(coder, data, code),
            Score("trustworthiness", float(trustworthiness(x, mapped, n_neighbors=self.neighbourhood))),
            Score("continuity", float(trustworthiness(mapped, x, n_neighbors=self.neighbourhood))),
            mean_score("error", np.square(coder.reconstruct(data.test.x) - data.test.x).sum(1)),
        ]

    def baselines(self, data: Examples, code_size: int) -> Mapping[str, list[Score]]:
        require_classes(data)
        tuned = self._tuned_pca(data)
        chosen = Score("components", tuned.code_size)
        beside = {
            "pca": self.measure(PCACoder(data.train.x, code_size), data),
            "pca_tuned": [*self.measure(tuned, data), chosen],
        }
        if all(part.x.min() >= 0 and part.x.max() <= 1 for part in (data.train, data.val, data.test)):
            fitted = data.train.x[self._chosen(data.train, self.logistic_examples, data.seed)]
            beside["logistic_pca"] = self.measure(LogisticPCACoder(fitted, code_size), data)
        raw = RawCoder(data.test.x.shape[1])
        return beside | {"raw": self._accuracies(raw, data, data.test.x)}

    def pictures(self, coder: Coder, data: Examples) -> Mapping[str, np.ndarray]:
        chosen = self._chosen(data.test, self.map_examples, data.seed)
        code = require_varying(coder.encode(data.test.x[chosen]))
        how = "code"
        if code.shape[1] > 2:
            how = "t-SNE of the code"
            code = TSNE(perplexity=min(30, len(code) / 4), random_state=data.seed).fit_transform(code)
        elif code.shape[1] == 1:
            code = np.column_stack([code, np.zeros(len(code))])
        labels = None if data.test.labels is None else data.test.labels[chosen]
        return {"map": figure_pixels(lambda axes: scatter(axes, code, labels, how), width=5.6, height=4.6)}

    def _tuned_pca(self, data: Examples) -> PCACoder:
        """With the number of components whose codes kNN does best with on val, the smallest of equals."""
        known = data.train.labels
        wanted = data.val.labels
        assert known is not None and wanted is not None
        most = min(self.components[-1], data.train.x.shape[1])
        whole = PCACoder(data.train.x, most)
        train = whole.encode(data.train.x)
        val = whole.encode(data.val.x)
        sizes = [size for size in self.components if size <= most] or [most]

        def right(size: int) -> float:
            parts = Labelled(train[:, :size], known), Labelled(val[:, :size], wanted)
            return float(best_neighbours(*parts, self.neighbours)[1].mean())

        return PCACoder(data.train.x, max(sizes, key=right))

    def _accuracies(self, coder: Coder, data: Examples, test_code: np.ndarray) -> list[Score]:
        require_classes(data)
        assert data.train.labels is not None and data.val.labels is not None and data.test.labels is not None
        rows = self._labelled(data)
        train = Labelled(coder.encode(data.train.x[rows]), data.train.labels[rows])
        val = Labelled(coder.encode(data.val.x), data.val.labels)
        test = Labelled(test_code, data.test.labels)
        knn = knn_accuracy(train, val, test, self.neighbours)
        probe = probe_accuracy(train, val, test, self.regularization)
        on_val = [("val_knn_accuracy", knn.val), ("val_probe_accuracy", probe.val)]
        return [
            accuracy_score("knn_accuracy", knn.test),
            accuracy_score("probe_accuracy", probe.test),
            *(accuracy_score(name, right)._replace(parts=()) for name, right in on_val),
        ]

    def _labelled(self, data: Examples) -> np.ndarray:
        """Rows of the training part whose labels are used."""
        if self.labels is not None and not 2 <= self.labels <= len(data.train.x):
            raise UserError(
                f"evaluation.dimensionality_reduction.labels={self.labels}: must be 2 to {len(data.train.x)}, the "
                "size of the training part"
            )
        return self._chosen(data.train, self.labels or len(data.train.x), data.seed)

    @staticmethod
    def _chosen(part: Part, count: int, seed: int) -> np.ndarray:
        """``count`` rows of a part in order, always the same; all where there are no more."""
        size = len(part.x)
        return np.sort(np.random.default_rng(seed).permutation(size)[:count]) if count < size else np.arange(size)
