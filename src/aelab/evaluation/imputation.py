"""Putting values where none are known: some are hidden and asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from aelab.errors import UserError
from aelab.evaluation.baselines.imputers import (
    Imputer,
    best_of,
    mean,
    neighbours,
    principal_components,
    ridge_in_turn,
)
from aelab.evaluation.images.sheets import figure_pixels
from aelab.evaluation.measures.hiding import MECHANISMS, hidden_values
from aelab.evaluation.measures.intervals import mean_score
from aelab.evaluation.protocol import Coder, Examples, Part, Score


class Imputation:
    """Root mean squared error of values of the test part that were hidden, on the scale that the model sees.

    ``rmse_mcar_30``: 30 % of what is known was hidden completely at random; ``rmse_mar_30``: depending on what is seen
    (``measures/hiding.py``). The same values are hidden from all methods. ``rates``: shares that are hidden, in
    percent; ``mechanisms``: ``mcar``, ``mar``. Values of one column of a table are hidden together.

    The autoencoder sees what it was taught to see for what is not known (0 with ``data.missing=mask`` and
    ``model=masked``), else the mean of the training part, rebuilds, and may see what it rebuilt again. ``rounds``: how
    often; the one that is best on the validation part.

    Beside it: the ``mean``; ``knn``, of ``neighbours``; ``iterative_pca``, of ``components`` (null: a quarter, a half
    and three quarters of the values), both chosen on val; ``iterative_ridge``. What looks for neighbours looks among
    ``searched_examples`` at most.
    """

    needs = ("numbers",)
    takes_gaps = True

    def __init__(
        self,
        rates: Sequence[int] = (10, 30, 50),
        mechanisms: Sequence[str] = MECHANISMS,
        rounds: Sequence[int] = (1, 3, 10),
        neighbours: Sequence[int] = (5, 20),
        components: Sequence[int] | None = None,
        searched_examples: int = 5_000,
    ) -> None:
        for key, values in (("rounds", rounds), ("neighbours", neighbours), ("components", components or [1])):
            if not values or min(values) < 1:
                raise UserError(f"evaluation.imputation.{key}={list(values)}: at least one number, of 1 or more")
        if not rates or not all(0 < rate < 100 for rate in rates):
            raise UserError(
                f"evaluation.imputation.rates={list(rates)}: shares that are hidden, between 0 and 100 percent"
            )
        if not mechanisms or (odd := [name for name in mechanisms if name not in MECHANISMS]):
            odd = odd if mechanisms else list(mechanisms)
            raise UserError(f"evaluation.imputation.mechanisms={odd}: choose among {', '.join(MECHANISMS)}")
        self.settings = [(mechanism, rate) for mechanism in mechanisms for rate in rates]
        self.rounds = sorted(set(rounds))
        self.neighbours = neighbours
        self.components = components
        self.searched_examples = searched_examples

    def facts(self, data: Examples) -> dict[str, Any]:
        self._check(data)
        known = data.test.known
        return {
            "hidden": {
                f"{mechanism}_{rate}": int(self._hidden(known, data, mechanism, rate).sum())
                for mechanism, rate in self.settings
            }
        }

    def measure(self, coder: Coder, data: Examples) -> list[Score]:
        self._check(data)
        return self._scores(self._by(coder, data), data)

    def baselines(self, data: Examples, code_size: int) -> Mapping[str, list[Score]]:
        self._check(data)
        train = data.train.known
        some = train[np.random.default_rng(data.seed).permutation(len(train))[: self.searched_examples]]
        values = train.shape[1]
        components = self.components or sorted({max(1, values * part // 4) for part in (1, 2, 3)})
        near = [neighbours(some, min(count, len(some))) for count in self.neighbours]
        linear = [principal_components(train, min(count, values)) for count in components]
        found = {
            "mean": mean(train),
            "knn": self._chosen(near, data),
            "iterative_pca": self._chosen(linear, data),
            "iterative_ridge": ridge_in_turn(train, data.seed),
        }
        return {name: self._scores(imputer, data) for name, imputer in found.items()}

    def pictures(self, coder: Coder, data: Examples) -> Mapping[str, np.ndarray]:
        mechanism, rate = self.settings[0]
        hidden = self._hidden(data.test.known, data, mechanism, rate)
        found = self._by(coder, data)(np.where(hidden, np.nan, data.test.known))
        pair = data.test.x[hidden], found[hidden]
        return {"hidden": figure_pixels(lambda axes: _against(axes, *pair, f"{rate} % hidden, {mechanism}"))}

    def _check(self, data: Examples) -> None:
        if data.filled_in:
            raise UserError(
                f"data={data.name}: its gaps were filled with means, which would count as known; train with "
                "data.missing=mask, or drop"
            )
        if len(set(_columns(data).tolist())) < 2:
            raise UserError(f"data={data.name}: examples of one column; nothing would be left to tell it by")

    def _by(self, coder: Coder, data: Examples) -> Imputer:
        """The coder as an imputer, with the number of rounds that is best on the validation part."""
        blank = getattr(coder, "blank", None)
        means = mean(data.train.known) if blank is None else lambda x: np.where(np.isnan(x), blank, x)
        return self._chosen([_rounds_of(coder, means, count) for count in self.rounds], data)

    def _chosen(self, candidates: Sequence[Imputer], data: Examples) -> Imputer:
        return best_of(
            candidates, lambda one: float(np.mean([self._rmse(one, data.val, data, *s)[0] for s in self.settings]))
        )

    def _scores(self, imputer: Imputer, data: Examples) -> list[Score]:
        found = []
        for mechanism, rate in self.settings:
            value, parts = self._rmse(imputer, data.test, data, mechanism, rate)
            if not np.isfinite(value):
                raise UserError("what is put in is NaN or infinite; train the run again with a lower optimizer.lr")
            found.append(mean_score(f"rmse_{mechanism}_{rate}", parts)._replace(value=value))
        return found

    def _rmse(
        self, imputer: Imputer, part: Part, data: Examples, mechanism: str, rate: int
    ) -> tuple[float, np.ndarray]:
        """The error, and what each example contributes to it, ``[N]``, whose mean it is (its linearisation)."""
        hidden = self._hidden(part.known, data, mechanism, rate)
        if not hidden.any():
            raise UserError(f"data={data.name}: nothing was hidden of {len(part.x)} examples; use a larger rate")
        again = imputer(np.where(hidden, np.nan, part.known))
        squares = np.where(hidden, np.square(again - part.x.astype(np.float64)), 0).sum(1)
        counts = hidden.sum(1)
        of_all = squares.sum() / counts.sum()
        root = float(np.sqrt(of_all))
        apart = (squares - of_all * counts) / counts.mean()
        return root, root + apart / max(2 * root, 1e-300)

    def _hidden(self, known: np.ndarray, data: Examples, mechanism: str, rate: int) -> np.ndarray:
        return hidden_values(known, _columns(data), mechanism, rate / 100, data.seed)


def _columns(data: Examples) -> np.ndarray:
    return np.arange(data.test.x.shape[1]) if data.columns is None else data.columns


def _rounds_of(coder: Coder, start: Callable[[np.ndarray], np.ndarray], count: int) -> Imputer:
    """What a coder makes of examples with gaps when it sees its own answer ``count - 1`` times."""

    def impute(x: np.ndarray) -> np.ndarray:
        gaps = np.isnan(x)
        found = start(x)
        for _ in range(count):
            found = np.where(gaps, coder.reconstruct(found.astype(np.float32)), x)
        return np.asarray(found, np.float64)

    return impute


def _against(axes: Any, true: np.ndarray, found: np.ndarray, title: str) -> None:
    low = float(min(true.min(), found.min()))
    high = float(max(true.max(), found.max()))
    axes.plot([low, high], [low, high], color="0.6", linestyle="--", linewidth=1)
    axes.plot(true[:5000], found[:5000], ".", color="C0", alpha=0.4, markersize=4)
    axes.set(xlabel="value that was hidden", ylabel="value put in by the run", title=title)
