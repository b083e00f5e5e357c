"""Whether the units of a code are the factors that the data are made of."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from aelab.errors import UserError
from aelab.evaluation.baselines.linear import PCACoder
from aelab.evaluation.checks import require_varying
from aelab.evaluation.images.sheets import figure_pixels
from aelab.evaluation.measures import disentangled as measures
from aelab.evaluation.measures.intervals import accuracy_score, mean_score
from aelab.evaluation.protocol import Coder, Examples, Score

RESAMPLES = 50
FOREST = 8  # resamples of what needs a forest each
BATCHES = 800  # of the FactorVAE score
BATCH = 64


class Disentanglement:
    """Of codes of examples whose factors are known (``data=sprites``):

    - ``mig``: the mutual information gap, of 20 bins a unit (Chen et al. 2018); ``sap``: the gap of R^2 (Kumar et al.
      2018); intervals of a bootstrap over test examples.
    - ``factor_vae``: whether the unit that varies least tells which factor was held (Kim & Mnih 2018), by 800 batches
      of 64 test examples, after 800 of training examples; Wilson's interval over batches.
    - ``dci_disentanglement``, ``dci_completeness``: by the importances of random forests (Eastwood & Williams 2018) of
      training codes, a bootstrap over these; ``dci_informativeness``: the share of factors that the forests get right
      on test examples, a t-interval over these.

    All are between 0 and 1, and 1 is best. Beside it PCA and ICA (FastICA) of the same code size. Of replicas together:
    ``code_stability``, the mean correlation, without its sign, of the units of pairs of replicas, matched so that it is
    largest: 1 where a code is the data's, low where it is the seed's.
    """

    needs = ("numbers",)

    def __init__(self, examples: int = 2000, trees: int = 20) -> None:
        if examples < 100 or trees < 1:
            raise UserError(
                f"evaluation.disentanglement.examples={examples} evaluation.disentanglement.trees={trees}: at least "
                "100 and 1"
            )
        self.examples = examples
        self.trees = trees

    def measure(self, coder: Coder, data: Examples) -> list[Score]:
        (train, known), (test, asked) = (self._codes(coder, data, part) for part in ("train", "test"))
        draw = np.random.default_rng(data.seed)
        bins = measures.binned(test)
        gap = self._score("mig", lambda rows: measures.mutual_information_gap(bins[rows], asked[rows]), len(test), data)
        sap = self._score("sap", lambda rows: measures.separated_attributes(test[rows], asked[rows]), len(test), data)
        tallied, held = (measures.votes(*some, BATCHES, BATCH, draw) for some in ((train, known), (test, asked)))
        return [
            gap,
            accuracy_score("factor_vae", measures.majority_right(tallied, held)),
            *self._by_forests(train, known, test, asked, data.seed),
            sap,
        ]

    def baselines(self, data: Examples, code_size: int) -> Mapping[str, list[Score]]:
        _factors(data, "train")
        pca = PCACoder(data.train.x, code_size)
        return {"pca": self.measure(pca, data), "ica": self.measure(_ICA(pca, data), data)}

    def across(self, coders: Sequence[Coder], data: Examples) -> list[Score]:
        """Of two replicas and more together."""
        codes = [self._codes(coder, data, "test")[0] for coder in coders]
        pairs = [(one, other) for k, one in enumerate(codes) for other in codes[:k]]
        return [Score("code_stability", float(np.mean([matched(*pair) for pair in pairs])), share=True)]

    def pictures(self, coder: Coder, data: Examples) -> Mapping[str, np.ndarray]:
        code, known = self._codes(coder, data, "test")
        table = measures.mutual_information(measures.binned(code), known)
        names = [str(name) for name in data.truth["factors"]]

        def draw(axes: Any) -> None:
            drawn = axes.imshow(table.T, cmap="viridis", aspect="auto", vmin=0)
            axes.set(xlabel="code unit", xticks=range(len(table)), xticklabels=range(1, len(table) + 1))
            axes.set(yticks=range(len(names)), yticklabels=names)
            axes.figure.colorbar(drawn, label="mutual information, nats")

        return {"information": figure_pixels(draw, max(5.0, 2 + 0.3 * len(table)), 3)}

    def _codes(self, coder: Coder, data: Examples, part: str) -> tuple[np.ndarray, np.ndarray]:
        """Codes, float64 ``[n, H]``, and factors ``[n, F]`` of some examples of a part."""
        known = _factors(data, part)
        rows = np.random.default_rng(data.seed).permutation(len(known))[: self.examples]
        x = getattr(data, part).x
        return require_varying(coder.encode(x[rows])).astype(np.float64), known[rows]

    def _score(self, metric: str, measure: Any, count: int, data: Examples) -> Score:
        value = measure(np.arange(count))
        half = 1.96 * measures.bootstrapped(measure, count, RESAMPLES, data.seed)
        return Score(metric, value, max(0.0, value - half), min(1.0, value + half), share=True)

    def _by_forests(
        self, train: np.ndarray, known: np.ndarray, test: np.ndarray, asked: np.ndarray, seed: int
    ) -> list[Score]:
        forests = self._forests(train, known, seed)
        right = np.mean([forest.predict(test) == factor for forest, factor in zip(forests, asked.T, strict=True)], 0)
        draw = np.random.default_rng(seed)
        found = [measures.concentration(_importance(forests))]
        for number in range(FOREST):
            rows = draw.integers(len(train), size=len(train))
            found.append(measures.concentration(_importance(self._forests(train[rows], known[rows], number))))
        halves = 1.96 * np.std(found[1:], axis=0, ddof=1)
        scores = [
            Score(f"dci_{name}", value, max(0.0, value - half), min(1.0, value + half), share=True)
            for name, value, half in zip(("disentanglement", "completeness"), found[0], halves.tolist(), strict=True)
        ]
        return [*scores, mean_score("dci_informativeness", right, share=True)]

    def _forests(self, code: np.ndarray, known: np.ndarray, seed: int) -> list[Any]:
        from sklearn.ensemble import RandomForestClassifier

        return [
            RandomForestClassifier(self.trees, max_features=None, min_samples_leaf=5, random_state=seed).fit(
                code, factor
            )
            for factor in known.T
        ]


class _ICA:
    """Independent components of principal ones (Hyvarinen & Oja 2000)."""

    def __init__(self, pca: PCACoder, data: Examples) -> None:
        from sklearn.decomposition import FastICA
        from sklearn.exceptions import ConvergenceWarning

        self.pca = pca
        self.code_size = pca.code_size
        self.unmixed = FastICA(whiten="unit-variance", max_iter=500, tol=1e-2, random_state=data.seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # normal data have no components to find
            self.unmixed.fit(pca.encode(data.train.x).astype(np.float64))

    def encode(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(self.unmixed.transform(self.pca.encode(x).astype(np.float64)))

    def decode(self, code: np.ndarray) -> np.ndarray:
        return self.pca.decode(self.unmixed.inverse_transform(code))

    def reconstruct(self, x: np.ndarray) -> np.ndarray:
        return self.decode(self.encode(x))


def matched(one: np.ndarray, other: np.ndarray) -> float:
    """The mean correlation, without its sign, of the units of two codes ``[N, H]``, matched so that it is largest."""
    one, other = (code - code.mean(0) for code in (one, other))
    scale = np.sqrt(np.outer((one**2).sum(0), (other**2).sum(0)))
    table = np.abs(np.divide(one.T @ other, scale, out=np.zeros_like(scale), where=scale > 0))
    return float(table[linear_sum_assignment(table, maximize=True)].mean())


def _importance(forests: Sequence[Any]) -> np.ndarray:
    return np.stack([forest.feature_importances_ for forest in forests], 1)


def _factors(data: Examples, part: str) -> np.ndarray:
    if f"factors_{part}" not in data.truth:
        raise UserError(
            f"data={data.name}: asks for the factors that examples are made of, and none are known; use data=sprites"
        )
    return data.truth[f"factors_{part}"]
