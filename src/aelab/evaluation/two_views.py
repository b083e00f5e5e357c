"""What a code of two views of one meaning is worth: sentences of one language looked up by those of the other."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from aelab.errors import UserError
from aelab.evaluation.baselines.word_by_word import WordByWord
from aelab.evaluation.measures.intervals import accuracy_score
from aelab.evaluation.protocol import Coder, Examples, Score

RIDGES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
NEAR = (1, 5)
SMALLEST = 1e-4  # probability of a word that stands with none of the others in the training part


class TwoViews:
    """Of test examples whose first or second half alone is shown (Chandar et al. 2014): share of those whose other half
    is the nearest, by the cosine of codes, or among the five nearest, of ``asked`` (null: all).

    - ``forth_1``, ``forth_5``: the second half looked up by the first; ``back_1``, ``back_5``: the first by the second.
    - ``val_forth_1``: on val, which may choose hyperparameters.

    Beside it: ``cca``, as many canonical correlations, with a ridge chosen on val; ``word_by_word``, the probability of
    the words by IBM's model 1, both learned from the training part; ``same_words``, those that both languages have.
    """

    needs = ("numbers",)

    def __init__(self, asked: int | None = 500) -> None:
        if asked is not None and asked < 10:
            raise UserError(f"evaluation.two_views.asked={asked}: must be at least 10, or null for all")
        self.asked = asked

    def measure(self, coder: Coder, data: Examples) -> list[Score]:
        def alike(x: np.ndarray) -> np.ndarray:
            return cosines(*(coder.encode(view) for view in _views(x)))

        val = _forth(alike(self._some(data, "val")))
        return [*_scores(alike(self._some(data, "test"))), Score("val_forth_1", val, share=True)]

    def baselines(self, data: Examples, code_size: int) -> Mapping[str, list[Score]]:
        train = data.train.x
        val = self._some(data, "val")
        test = self._some(data, "test")
        first, second = np.split(train, 2, 1)
        fits = [Canonical(first, second, code_size, ridge) for ridge in RIDGES]
        best = max(fits, key=lambda fit: _forth(fit.alike(val)))
        return {
            "cca": _scores(best.alike(test)),
            "word_by_word": _scores(_by_words(data, test), _by_words(data, test, back=True)),
            "same_words": _scores(_shared(data, test)),
        }

    def pictures(self, coder: Coder, data: Examples) -> Mapping[str, np.ndarray]:
        return {}

    def _some(self, data: Examples, part: str) -> np.ndarray:
        if "first_words" not in data.truth:
            raise UserError(f"data={data.name}: examples are no two views; use data=parallel_bags")
        x: np.ndarray = getattr(data, part).x
        first, second = np.split(x, 2, 1)
        x = x[first.any(1) & second.any(1)]  # of no word nothing can be looked up
        return x[np.random.default_rng(data.seed).permutation(len(x))[: self.asked]]


class Canonical:
    """Canonical correlation analysis (Hotelling 1936): directions of both views ``[N, V]`` whose correlations are
    highest, ``ridge`` times the mean variance being added to every variance."""

    def __init__(self, first: np.ndarray, second: np.ndarray, size: int, ridge: float) -> None:
        views = [view.astype(np.float64) for view in (first, second)]
        self.means = [view.mean(0) for view in views]
        views = [view - mean for view, mean in zip(views, self.means, strict=True)]
        roots = []
        for view in views:
            covariance = view.T @ view / len(view)
            added = ridge * np.trace(covariance) / len(covariance)
            roots.append(np.linalg.cholesky(covariance + added * np.eye(len(covariance))))
        between = np.linalg.solve(roots[0], np.linalg.solve(roots[1], views[1].T @ views[0] / len(first)).T)
        u, self.correlations, v = np.linalg.svd(between, full_matrices=False)
        self.directions = [np.linalg.solve(roots[0].T, u[:, :size]), np.linalg.solve(roots[1].T, v[:size].T)]

    def alike(self, x: np.ndarray) -> np.ndarray:
        views = zip(np.split(x, 2, 1), self.means, self.directions, strict=True)
        return cosines(*((view - mean) @ directions for view, mean, directions in views))


def cosines(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Of all rows of the one with all of the other, ``[N, M]``."""
    one, other = (code / np.maximum(np.linalg.norm(code, axis=1, keepdims=True), 1e-12) for code in (first, second))
    found: np.ndarray = one @ other.T
    return found


def _views(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    first, second = np.split(x, 2, 1)
    return np.concatenate([first, 0 * second], 1), np.concatenate([0 * first, second], 1)


def _hits(alike: np.ndarray, near: int) -> np.ndarray:
    """Whether of each row fewer than ``near`` others are at least as much alike as its own."""
    own = alike.diagonal()[:, None]
    return (alike >= own).sum(1) <= near


def _forth(alike: np.ndarray) -> float:
    return float(_hits(alike, 1).mean())


def _scores(alike: np.ndarray, back: np.ndarray | None = None) -> list[Score]:
    ways = {"forth": alike, "back": alike.T if back is None else back}
    return [accuracy_score(f"{way}_{near}", _hits(some, near)) for way, some in ways.items() for near in NEAR]


def _by_words(data: Examples, test: np.ndarray, back: bool = False) -> np.ndarray:
    """The mean log-probability of the words of every half, given every other one: of ``forth`` the second given the
    first."""
    order = (1, 0) if back else (0, 1)
    words = [data.truth[("first_words", "second_words")[side]] for side in order]
    train, asked = ([np.split(x, 2, 1)[side] for side in order] for x in (data.train.x, test))
    given, said = ([" ".join(known[row > 0]) for row in bags] for known, bags in zip(words, train, strict=True))
    model = WordByWord(given, said)
    places = [{word: place for place, word in enumerate(known)} for known in words]
    table = np.zeros((len(words[0]), len(words[1])))
    for e, f, p in zip(model.sources, model.targets, model.probabilities, strict=True):
        source = places[0].get(model.source_words[e])
        target = places[1].get(model.target_words[f])
        if source is not None and target is not None:
            table[source, target] = p
    given = asked[0] @ table / asked[0].sum(1, keepdims=True)
    found: np.ndarray = np.log(given + SMALLEST) @ asked[1].T / asked[1].sum(1)
    return found


def _shared(data: Examples, test: np.ndarray) -> np.ndarray:
    """How many words two sentences have that are written alike."""
    first, second = np.split(test, 2, 1)
    _, one, other = np.intersect1d(data.truth["first_words"], data.truth["second_words"], return_indices=True)
    return cosines(first[:, one], second[:, other])
