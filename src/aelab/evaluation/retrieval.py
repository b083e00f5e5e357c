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
VAL_QUERIES = 1000  # of the validation part, at most


class Retrieval:
    """Every query ranks the whole training part, exactly; an answer is right if it has the query's label.

    ``precision_at_k``: share of the first k that are right; ``recall_at_k``: share of all right ones that are among
    them; ``map``: mean average precision over the whole ranking. By the cosine between codes, the training part's mean
    subtracted; ``hamming_*``: by the Hamming distance of binary codes, equal distances in random order. A sigmoid
    code is cut at 0.5 and a tanh code at 0, any other at its mean over the training part: for PCA that is its sign.

    ``val_map`` and ``val_hamming_map``: of queries from the validation part, by which settings may be chosen.

    ``k``: one or more numbers. ``queries``: how many test examples are looked up, null for all. Beside it, of numbers:
    PCA of the same code size, its signs, and the raw input. Intervals are over queries.
    """

    takes_gaps = True
    takes_given = True
    asks_labels = True

    def __init__(self, k: Sequence[int] = (10, 100), queries: int | None = None, shown: int = 8) -> None:
        self.k = sorted(k)
        self.queries = queries
        self.shown = shown

    def facts(self, data: Examples) -> dict[str, Any]:
        return {"queries": len(self._queries(data.test, data)), "searched": len(data.train.x)}

    def measure(self, coder: Coder, data: Examples) -> list[Score]:
        train = self._known(coder, data)
        middle = MIDDLE.get(getattr(coder, "activation", ""), train.mean(0))
        bits = np.where(train > middle, 1, -1).astype(np.float32)

        def scores(part: Part) -> list[Score]:
            code, labels = self._asked(coder, part, data)
            cut = np.where(code > middle, 1, -1).astype(np.float32)
            return [*self._cosine(train, code, labels, data), *self._scores("hamming_", bits, cut, labels, data)]

        return [*scores(data.test), *_chosen_by(scores(data.val) if self._may_ask(data.val, data) else [])]

    def baselines(self, data: Examples, code_size: int) -> Mapping[str, list[Score]]:
        if data.kind == "symbols":
            return {}
        raw = RawCoder(data.train.x.shape[1])
        return {
            "pca": self.measure(PCACoder(data.train.x, code_size), data),
            "raw": self._cosine(self._known(raw, data), *self._asked(raw, data.test, data), data),
        }

    def pictures(self, coder: Coder, data: Examples) -> Mapping[str, np.ndarray]:
        if len(data.shape) != 3 or data.shape[0] not in (1, 3):
            return {}
        train = self._known(coder, data)
        code, labels = self._asked(coder, data.test, data)
        shown = self._one_of_each_class(labels)
        centre = train.mean(0)
        found = nearest(unit(train - centre), unit(code[shown] - centre), min(SHOWN_NEIGHBOURS, len(train)))
        queries = Part(data.test.x[self._queries(data.test, data)][shown], labels[shown])
        return {"neighbours": lookup_sheet(queries, data.train, found, data.shape)}

    def _known(self, coder: Coder, data: Examples) -> np.ndarray:
        """Codes of the training part, in which queries are looked up."""
        require_classes(data)
        if not 1 <= self.k[0] <= self.k[-1] <= len(data.train.x):
            raise UserError(
                f"evaluation.retrieval.k={self.k}: must be 1 to {len(data.train.x)}, the size of the training part"
            )
        return require_varying(coder.encode(data.train.rows_for(coder)))

    def _asked(self, coder: Coder, part: Part, data: Examples) -> tuple[np.ndarray, np.ndarray]:
        """Codes of the queries of a part, and their labels."""
        assert part.labels is not None
        rows = self._queries(part, data)
        return require_varying(coder.encode(part.rows_for(coder)[rows])), part.labels[rows]

    def _cosine(self, train: np.ndarray, code: np.ndarray, labels: np.ndarray, data: Examples) -> list[Score]:
        centre = train.mean(0)
        return self._scores("", unit(train - centre), unit(code - centre), labels, data)

    def _scores(
        self, prefix: str, train: np.ndarray, code: np.ndarray, labels: np.ndarray, data: Examples
    ) -> list[Score]:
        """Of rankings by the inner product of the codes, largest first."""
        assert data.train.labels is not None
        found = ranked_scores(train, data.train.labels, code, labels, self.k, data.seed)
        return [mean_score(prefix + name, values, share=True) for name, values in found.items()]

    def _queries(self, part: Part, data: Examples) -> np.ndarray:
        """Rows of a part that are looked up: those with an answer, as many as wanted, always the same."""
        rows = self._answered(part, data)
        if not len(rows):
            raise UserError(
                f"data={data.name}: no test example has a label of the training part, so none has an answer"
            )
        if self.queries is not None and not 2 <= self.queries <= len(data.test.x):
            raise UserError(
                f"evaluation.retrieval.queries={self.queries}: must be 2 to {len(data.test.x)}, the size of the test "
                "part, or null"
            )
        most = VAL_QUERIES if part is data.val else self.queries
        return np.sort(np.random.default_rng(data.seed).permutation(rows)[:most])

    def _may_ask(self, part: Part, data: Examples) -> bool:
        return len(self._answered(part, data)) > 1

    @staticmethod
    def _answered(part: Part, data: Examples) -> np.ndarray:
        assert part.labels is not None and data.train.labels is not None
        return np.flatnonzero(np.isin(part.labels, data.train.labels))

    def _one_of_each_class(self, labels: np.ndarray) -> np.ndarray:
        """Rows to show: the first of each class, then the next ones."""
        rank = np.array([(labels[:row] == label).sum() for row, label in enumerate(labels)])
        return np.sort(np.lexsort((labels, rank))[: self.shown])


def _chosen_by(on_val: Sequence[Score]) -> list[Score]:
    """Of the scores on val the two by which settings may be chosen."""
    return [score._replace(metric=f"val_{score.metric}", parts=()) for score in on_val if score.metric.endswith("map")]
