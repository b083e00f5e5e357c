"""Telling what is unlike the training examples: anomalies are badly reconstructed, or have far-off codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aelab.errors import UserError
from aelab.evaluation.baselines.linear import PCACoder
from aelab.evaluation.baselines.outliers import (
    ecod,
    isolation_forest,
    local_outlier_factor,
    mahalanobis,
    neighbour_distance,
)
from aelab.evaluation.images.sheets import figure_pixels, framed_rows, histogram
from aelab.evaluation.measures.anomaly_scores import SCORERS, scores_by, statistics_of
from aelab.evaluation.measures.detection import auroc_score, average_precision_score, threshold_scores
from aelab.evaluation.protocol import Coder, Examples, Score

LABEL = "anomaly"
LOF_NEIGHBOURS = 20


class AnomalyDetection:
    """How well a score tells the anomalies of the test part from its normal examples; training never sees labels.

    ``anomalies``: the labels that are anomalies. Null: the label ``anomaly`` where there is one, else every label that
    the training part lacks, as with ``data.one_class``. ``score``: ``error`` per example, ``relative_error``
    to its length, or of its code the ``mahalanobis`` distance to the training codes or the mean distance to its nearest
    ``neighbours`` among them; ``error_and_distance`` adds the first and the third, ``joint_mahalanobis`` is the
    distance of code and residual together, ``centre`` that of the code to the centre of ``model=one_class``.

    - ``auroc`` (DeLong's interval), ``average_precision`` (stratified bootstrap).
    - ``threshold``: the ``quantile`` of the scores of the validation part, whose labels are not looked at;
      ``precision``, ``recall`` and ``false_positive_rate`` of calling what is above it an anomaly (Wilson's interval).

    - ``val_auroc``: the area on the validation part, where its labels are of both kinds, as those of a contaminated
      table are; by it settings may be chosen. Nothing else looks at these labels.

    Beside it: PCA by the same score (``pca_beside``), and of the raw values the Mahalanobis distance, the mean distance
    to the ``neighbours`` nearest, isolation forest, local outlier factor and ECOD (``baselines/outliers.py``); what
    looks for neighbours looks among ``searched_examples`` training examples at most.
    """

    needs = ("numbers",)
    takes_gaps = True
    takes_given = True
    asks_labels = True

    def __init__(
        self,
        score: str = "error",
        anomalies: Sequence[str | int] | None = None,
        quantile: float = 0.95,
        neighbours: int = 5,
        searched_examples: int = 10_000,
        shown: int = 10,
    ) -> None:
        if score not in SCORERS:
            raise UserError(f"evaluation.anomaly_detection.score={score}: choose among {', '.join(SCORERS)}")
        if not 0 < quantile < 1:
            raise UserError(f"evaluation.anomaly_detection.quantile={quantile}: must be between 0 and 1")
        if neighbours < 1:
            raise UserError(f"evaluation.anomaly_detection.neighbours={neighbours}: must be at least 1")
        self.score = score
        self.anomalies = anomalies
        self.quantile = quantile
        self.neighbours = neighbours
        self.searched_examples = searched_examples
        self.shown = shown

    def facts(self, data: Examples) -> dict[str, Any]:
        anomaly = self.anomalous(data)
        assert data.train.labels is not None
        among = int(np.isin(data.train.labels.astype(str), self._names(data)).sum())
        tested = {"normal": int((~anomaly).sum()), "anomalies": int(anomaly.sum())}
        return {"tested": tested, "anomalies trained on": among}

    def measure(self, coder: Coder, data: Examples) -> list[Score]:
        scorer = SCORERS[self.score](coder, data.train.rows_for(coder, known=True))
        return self._scores(
            scorer(data.test.rows_for(coder, known=True)), scorer(data.val.rows_for(coder, known=True)), data
        )

    def baselines(self, data: Examples, code_size: int) -> Mapping[str, list[Score]]:
        self.anomalous(data)
        train = data.train.x
        searched = train[np.random.default_rng(data.seed).permutation(len(train))[: self.searched_examples]]
        scorers = {
            "mahalanobis": mahalanobis(train),
            "knn": neighbour_distance(searched, self.neighbours),
            "isolation_forest": isolation_forest(train, data.seed),
            "lof": local_outlier_factor(searched, LOF_NEIGHBOURS),
            "ecod": ecod(train),
        }
        beside = {"pca": self.measure(pca_beside(data.train.known, code_size), data)}
        return beside | {
            name: self._scores(scorer(data.test.x), scorer(data.val.x), data) for name, scorer in scorers.items()
        }

    def statistics(self, coder: Coder, data: Examples) -> dict[str, np.ndarray]:
        """What the score remembers, and its ``threshold`` ``[1]``: with them a run answers as it was evaluated."""
        known = statistics_of(self.score, coder, data.train.rows_for(coder, known=True))
        threshold = np.quantile(
            scores_by(self.score, coder, known, data.val.rows_for(coder, known=True)), self.quantile
        )
        return {**known, "threshold": np.array([threshold])}

    def pictures(self, coder: Coder, data: Examples) -> Mapping[str, np.ndarray]:
        anomaly = self.anomalous(data)
        scorer = SCORERS[self.score](coder, data.train.rows_for(coder, known=True))
        scores = scorer(data.test.rows_for(coder, known=True))
        threshold = float(np.quantile(scorer(data.val.rows_for(coder, known=True)), self.quantile))
        sheets = {"scores": figure_pixels(lambda axes: histogram(axes, scores, anomaly, threshold, self.score))}
        if len(data.shape) == 3 and data.shape[0] in (1, 3):
            order = np.argsort(-scores, kind="stable")
            rows = {
                "most anomalous": order[: self.shown],
                "most anomalous\nnormal ones": order[~anomaly[order]][: self.shown],
                "least anomalous\nanomalies": order[anomaly[order]][: -self.shown - 1 : -1],
            }
            again = coder.reconstruct(data.test.rows_for(coder))
            sheets["examples"] = framed_rows(data.test.x, again, anomaly, rows, data.shape)
        return sheets

    def anomalous(self, data: Examples) -> np.ndarray:
        """Which test examples are anomalies, bool ``[N]``; UserError unless some are and some are not."""
        names = self._names(data)
        assert data.test.labels is not None
        anomaly = np.isin(data.test.labels.astype(str), names)
        if anomaly.all() or not anomaly.any():
            which = f" ({', '.join(names)})" if names else ": training has all its labels, and none is called anomaly"
            raise UserError(
                f"data={data.name}: the test part has {'nothing but' if anomaly.any() else 'no'} anomalies{which}; "
                "train on one label, data.one_class=..., or name the labels in evaluation.anomaly_detection.anomalies"
            )
        return anomaly

    def _names(self, data: Examples) -> list[str]:
        """The labels that are anomalies, as text."""
        data.require_labels()
        assert data.train.labels is not None and data.test.labels is not None
        trained, tested = (set(labels.astype(str)) for labels in (data.train.labels, data.test.labels))
        if self.anomalies is None:
            return [LABEL] if LABEL in trained | tested else sorted(tested - trained)
        wanted = [str(label) for label in self.anomalies]
        if unknown := set(wanted) - trained - tested:
            raise UserError(
                f"evaluation.anomaly_detection.anomalies={wanted}: there is no label {', '.join(sorted(unknown))}; "
                f"choose among {', '.join(sorted(trained | tested))}"
            )
        return wanted

    def _scores(self, scores: np.ndarray, val: np.ndarray, data: Examples) -> list[Score]:
        """Of scores ``[N]`` of the test and of the validation part."""
        anomaly = self.anomalous(data)
        if not (np.isfinite(scores).all() and np.isfinite(val).all()):
            raise UserError("scores are NaN or infinite; train the run again with a lower optimizer.lr")
        return [
            auroc_score(scores, anomaly),
            average_precision_score(scores, anomaly, data.seed),
            *threshold_scores(scores, anomaly, float(np.quantile(val, self.quantile))),
            *self._on_validation(val, data),
        ]

    def _on_validation(self, scores: np.ndarray, data: Examples) -> list[Score]:
        """The area on val, by which settings may be chosen; nothing where it is of one kind."""
        assert data.val.labels is not None
        anomaly = np.isin(data.val.labels.astype(str), self._names(data))
        if anomaly.all() or not anomaly.any():
            return []
        return [auroc_score(scores, anomaly)._replace(metric="val_auroc", parts=())]


def pca_beside(train: np.ndarray, code_size: int) -> PCACoder:
    """PCA of training examples ``[N, D]`` with the same code size, or of D / 2 where that would lose nothing."""
    values = train.shape[1]
    return PCACoder(train, code_size if code_size < values else max(1, values // 2))
