"""Looking examples up by their codes: queries from the test part, answers from the training part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aelab.errors import UserError
from aelab.evaluation.baselines.linear import PCACoder, RawCoder
from aelab.evaluation.checks import require_classes, require_varying
from aelab.evaluation.images.sheets import lookup_sheet
from aelab.evaluation.measures.intervals import mean_score
from aelab.evaluation.measures.ranking import nearest, ranked_scores, unit
from aelab.evaluation.protocol import Coder, Examples, Part, Score

MIDDLE = {"sigmoid": 0.5, "tanh": 0.0}  # of activations with two ends, where their codes are cut into bits
SHOWN_NEIGHBOURS = 10


class Retrieval:
    """Every query ranks the whole training part, exactly; an answer is right if it has the query's label.

    ``precision_at_k``: share of the first k that are right; ``recall_at_k``: share of all right ones that are among
    them; ``map``: mean average precision over the whole ranking. By the cosine between codes, the training part's mean
    subtracted; ``hamming_*``: by the Hamming distance of binary codes, equal distances in random order. A sigmoid
    code is cut at 0.5 and a tanh code at 0, any other at its mean over the training part: for PCA that is its sign.

    ``k``: one or more numbers. ``queries``: how many test examples are looked up, null for all. Beside it, of numbers:
    PCA of the same code size, its signs, and the raw input. Intervals are over queries.
    """

    def __init__(self, k: Sequence[int] = (10, 100), queries: int | None = None, shown: int = 8) -> None:
        self.k = sorted(k)
        self.queries = queries
        self.shown = shown

    def facts(self, data: Examples) -> dict[str, Any]:
        return {"queries": len(self._queries(data)), "searched": len(data.train.x)}

    def measure(self, coder: Coder, data: Examples) -> list[Score]:
        train, test = self._codes(coder, data)
        middle = MIDDLE.get(getattr(coder, "activation", ""), train.mean(0))
        train_bits, bits = (np.where(code > middle, 1, -1).astype(np.float32) for code in (train, test))
        return [*self._cosine(train, test, data), *self._scores("hamming_", train_bits, bits, data)]

    def baselines(self, data: Examples, code_size: int) -> Mapping[str, list[Score]]:
        if data.kind == "symbols":
            return {}
        raw = RawCoder(data.train.x.shape[1])
        return {
            "pca": self.measure(PCACoder(data.train.x, code_size), data),
            "raw": self._cosine(*self._codes(raw, data), data),
        }

    def pictures(self, coder: Coder, data: Examples) -> Mapping[str, np.ndarray]:
        if len(data.shape) != 3 or data.shape[0] not in (1, 3):
            return {}
        assert data.train.labels is not None and data.test.labels is not None
        train, test = self._codes(coder, data)
        shown = self._one_of_each_class(data.test.labels[self._queries(data)])
        centre = train.mean(0)
        found = nearest(unit(train - centre), unit(test[shown] - centre), min(SHOWN_NEIGHBOURS, len(train)))
        queries = Part(*(part[self._queries(data)][shown] for part in (data.test.x, data.test.labels)))
        return {"neighbours": lookup_sheet(queries, data.train, found, data.shape)}

    def _codes(self, coder: Coder, data: Examples) -> tuple[np.ndarray, np.ndarray]:
        """Codes of the training part and of the queries."""
        require_classes(data)
        if not 1 <= self.k[0] <= self.k[-1] <= len(data.train.x):
            raise UserError(
                f"evaluation.retrieval.k={self.k}: must be 1 to {len(data.train.x)}, the size of the training part"
            )
        train = require_varying(coder.encode(data.train.x))
        return train, require_varying(coder.encode(data.test.x[self._queries(data)]))

    def _cosine(self, train: np.ndarray, test: np.ndarray, data: Examples) -> list[Score]:
        centre = train.mean(0)
        return self._scores("", unit(train - centre), unit(test - centre), data)

    def _scores(self, prefix: str, train: np.ndarray, test: np.ndarray, data: Examples) -> list[Score]:
        """Of rankings by the inner product of the codes, largest first."""
        assert data.train.labels is not None and data.test.labels is not None
        wanted = data.test.labels[self._queries(data)]
        found = ranked_scores(train, data.train.labels, test, wanted, self.k, data.seed)
        return [mean_score(prefix + name, values, share=True) for name, values in found.items()]

    def _queries(self, data: Examples) -> np.ndarray:
        """Rows of the test part that are looked up: those with an answer, as many as wanted, always the same."""
        assert data.train.labels is not None and data.test.labels is not None
        rows = np.flatnonzero(np.isin(data.test.labels, data.train.labels))
        if not len(rows):
            raise UserError(
                f"data={data.name}: no test example has a label of the training part, so none has an answer"
            )
        if self.queries is not None and not 2 <= self.queries <= len(data.test.x):
            raise UserError(
                f"evaluation.retrieval.queries={self.queries}: must be 2 to {len(data.test.x)}, the size of the test "
                "part, or null"
            )
        return np.sort(np.random.default_rng(data.seed).permutation(rows)[: self.queries])

    def _one_of_each_class(self, labels: np.ndarray) -> np.ndarray:
        """Rows to show: the first of each class, then the next ones."""
        rank = np.array([(labels[:row] == label).sum() for row, label in enumerate(labels)])
        return np.sort(np.lexsort((labels, rank))[: self.shown])
