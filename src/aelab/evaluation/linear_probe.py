"""What a code tells of the classes when only a linear classifier reads it and the encoder stays as it is."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from aelab.errors import UserError
from aelab.evaluation.baselines.linear import PCACoder, RawCoder
from aelab.evaluation.checks import require_classes
from aelab.evaluation.classification import wald_score
from aelab.evaluation.images.sheets import figure_pixels
from aelab.evaluation.protocol import Coder, Examples, Part, Score

SPARSE_BELOW = 0.2  # share of values that are not 0 below which a sparse matrix is the faster one

CLASSIFIERS: dict[str, Callable[[float], Any]] = {
    "logistic": lambda c: LogisticRegression(C=c, max_iter=200, tol=1e-3),
    "svm": lambda c: LinearSVC(C=c, max_iter=2000, tol=1e-3, random_state=0),
}


class LinearProbe:
    """Error of linear classifiers on codes of the test part, with its Wald interval 1.96 sqrt(p (1 - p) / N).

    - ``logistic_error``: softmax regression (Makhzani & Frey 2013).
    - ``svm_error``: a linear support vector machine, each class against the rest (Makhzani & Frey 2015).

    They learn from codes of the training part, all divided by one number, the root of the mean squared length; C is
    the one of ``regularization`` with the least error on val (the smallest of equals). Beside the run, of numbers: the
    same on PCA's codes (``pca``) and on the raw values (``raw``).
    """

    takes_gaps = True
    takes_given = True
    asks_labels = True

    def __init__(
        self, regularization: Sequence[float] = (1, 10, 100), classifiers: Sequence[str] = ("logistic", "svm")
    ):
        if not regularization or min(regularization) <= 0:
            raise UserError(f"evaluation.linear_probe.regularization={list(regularization)}: must be above 0")
        if not classifiers or not set(classifiers) <= set(CLASSIFIERS):
            raise UserError(
                f"evaluation.linear_probe.classifiers=[{','.join(classifiers)}]: choose among {', '.join(CLASSIFIERS)}"
            )
        self.regularization = sorted(regularization)
        self.classifiers = list(classifiers)
        self.known: dict[int, dict[str, np.ndarray]] = {}

    def measure(self, coder: Coder, data: Examples) -> list[Score]:
        return [wald_score(f"{name}_error", wrong) for name, wrong in self.wrong(coder, data).items()]

    def baselines(self, data: Examples, code_size: int) -> Mapping[str, list[Score]]:
        if data.kind == "symbols":
            return {}
        values = RawCoder(data.train.x.shape[1])
        return {"pca": self.measure(PCACoder(data.train.x, code_size), data), "raw": self.measure(values, data)}

    def pictures(self, coder: Coder, data: Examples) -> Mapping[str, np.ndarray]:
        wrong = self.wrong(coder, data)
        return {"errors": figure_pixels(lambda axes: _draw(axes, wrong, data.test))}

    def wrong(self, coder: Coder, data: Examples) -> dict[str, np.ndarray]:
        """Which test examples each classifier takes for another class, bool ``[N]``; once for each coder."""
        require_classes(data)
        if id(coder) not in self.known:
            codes = [coder.encode(part.rows_for(coder)) for part in (data.train, data.val, data.test)]
            scale = float(np.sqrt(np.square(codes[0], dtype=np.float64).sum(1).mean())) or 1.0
            parts = [Part(_matrix(code / scale), part.labels) for code, part in zip(codes, data[:3], strict=True)]
            self.known[id(coder)] = {name: self._tested(CLASSIFIERS[name], *parts) for name in self.classifiers}
        return self.known[id(coder)]

    def _tested(self, classifier: Callable[[float], Any], train: Part, val: Part, test: Part) -> np.ndarray:
        fitted = [_fit(classifier(c), train) for c in self.regularization]
        best = min(fitted, key=lambda one: float((one.predict(val.x) != val.labels).mean()))
        return np.asarray(best.predict(test.x) != test.labels)


def _matrix(code: np.ndarray) -> Any:
    return csr_matrix(code) if (code != 0).mean() < SPARSE_BELOW else np.ascontiguousarray(code, dtype=np.float64)


def _fit(classifier: Any, train: Part) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # one that stops early is judged as it is
        return classifier.fit(train.x, train.labels)


def _draw(axes: Any, wrong: Mapping[str, np.ndarray], test: Part) -> None:
    assert test.labels is not None
    classes = np.unique(test.labels)
    width = 0.8 / len(wrong)
    for index, (name, errors) in enumerate(wrong.items()):
        shares = [100 * errors[test.labels == one].mean() for one in classes]
        axes.bar(
            np.arange(len(classes)) + index * width, shares, width, label=name, color=["#4477aa", "#ee6677"][index]
        )
    axes.set_xticks(np.arange(len(classes)) + 0.4 - width / 2, [str(one) for one in classes])
    axes.set(xlabel="class", ylabel="test error, %")
    axes.legend(frameon=False)
