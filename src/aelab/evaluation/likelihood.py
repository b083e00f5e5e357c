"""How likely the test examples are under a model, and what its code costs and tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import logsumexp, xlogy
from scipy.stats import multivariate_normal

from aelab.errors import UserError
from aelab.evaluation.images.sheets import figure_pixels
from aelab.evaluation.measures.intervals import mean_score
from aelab.evaluation.protocol import Coder, Examples, Score

ACTIVE = 0.01  # variance of a unit's mean over the data beyond which the unit is active


class Likelihood:
    """Minus the log-likelihood of test examples in nats, estimated with K codes of each (Burda et al. 2016, eq. 8).

    - ``nll_<K>`` for each K of ``samples``: with K = 1 minus the ELBO, and above minus log p(x) by less the larger K.
      All are of the same draws, the largest K of each of ``examples`` test examples; t-intervals over examples.
    - ``rate``: KL(q(z | x) || p(z)) and ``distortion``, ``nll_1 - rate``: a point of the rate-distortion plane
      (Alemi et al. 2018); ``active_units``: units whose mean varies by more than 0.01 over the test part.

    Beside it, exactly: of values that are all 0 or 1 each value's own share (``independent``), of other numbers
    probabilistic PCA of the same code size (Tipping & Bishop 1999; ``pca``), or a smaller one that leaves it noise.
    """

    needs = ("likelihood",)

    def __init__(self, samples: Sequence[int] = (1, 50, 5000), examples: int = 100) -> None:
        if not samples or min(samples) < 1:
            raise UserError(f"evaluation.likelihood.samples={list(samples)}: must be numbers of at least 1")
        if examples < 2:
            raise UserError(f"evaluation.likelihood.examples={examples}: an interval needs at least 2")
        self.samples = sorted(set(samples))
        self.examples = examples

    def measure(self, coder: Coder, data: Examples) -> list[Score]:
        likely: Any = coder
        chosen = self._chosen(data)
        weights = likely.log_weights(chosen, self.samples[-1], data.seed)
        if not np.isfinite(weights).all():
            raise UserError("log-likelihoods are NaN or infinite; train the run again with a lower optimizer.lr")
        scores = [mean_score(f"nll_{count}", -_bound(weights, count)) for count in self.samples]
        rates = likely.unit_rates(chosen).sum(1)
        scores += [mean_score("rate", rates), mean_score("distortion", -weights.mean(1) - rates)]
        active = (coder.encode(data.test.x).astype(np.float64).var(0) > ACTIVE).sum()
        return [*scores, Score("active_units", float(active))]

    def baselines(self, data: Examples, code_size: int) -> Mapping[str, list[Score]]:
        if data.kind == "symbols":
            return {}
        chosen = self._chosen(data).astype(np.float64)
        train = data.train.x.astype(np.float64)
        if np.isin(data.train.x, (0, 1)).all():
            share = (train.sum(0) + 1) / (len(train) + 2)  # Laplace's, so that nothing unseen is impossible
            nll = -(xlogy(chosen, share) + xlogy(1 - chosen, 1 - share)).sum(1)
            return {"independent": [mean_score(f"nll_{count}", nll) for count in self.samples]}
        covariance = probabilistic_pca(np.cov(train.T, bias=True), code_size)
        if covariance is None:
            raise UserError(f"data={data.name}: all training examples are the same; use data that vary")
        nll = -multivariate_normal(train.mean(0), covariance).logpdf(chosen)
        return {"pca": [mean_score(f"nll_{count}", nll) for count in self.samples]}

    def pictures(self, coder: Coder, data: Examples) -> Mapping[str, np.ndarray]:
        likely: Any = coder
        rates = np.sort(likely.unit_rates(data.test.x).mean(0))[::-1]

        def draw(axes: Any) -> None:
            axes.bar(np.arange(1, len(rates) + 1), rates, color="#4477aa")
            axes.set(xlabel="code unit, largest first", ylabel="KL, nats")
            axes.xaxis.get_major_locator().set_params(integer=True)

        return {"rates": figure_pixels(draw)}

    def _chosen(self, data: Examples) -> np.ndarray:
        count = min(self.examples, len(data.test.x))
        return data.test.x[np.sort(np.random.default_rng(data.seed).choice(len(data.test.x), count, replace=False))]


def _bound(log_weights: np.ndarray, count: int) -> np.ndarray:
    """``log 1/K sum_k w_k`` of each example, averaged over as many groups of K as there are, ``[N]``."""
    groups = log_weights.shape[1] // count
    table = log_weights[:, : groups * count].reshape(len(log_weights), groups, count)
    found: np.ndarray = (logsumexp(table, axis=2) - np.log(count)).mean(1)
    return found


def probabilistic_pca(covariance: np.ndarray, code_size: int) -> np.ndarray | None:
    """The covariance ``[D, D]`` that probabilistic PCA gives, of fewer directions where these leave no variance to its
    noise; None where there is no variance at all."""
    values, vectors = np.linalg.eigh(np.atleast_2d(covariance))
    values = values[::-1]
    vectors = vectors[:, ::-1]
    for size in range(min(code_size, len(values) - 1), -1, -1):
        noise = values[size:].mean()
        if noise > 1e-9 * values[0]:
            kept = np.where(np.arange(len(values)) < size, values, noise)
            found: np.ndarray = (vectors * kept) @ vectors.T
            return found
    return None
