"""Which code values are used, how evenly, and how much the code moves when the input does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import entr

from aelab.errors import UserError
from aelab.evaluation.baselines.linear import PCACoder
from aelab.evaluation.images.sheets import figure_pixels
from aelab.evaluation.protocol import Coder, Curve, Examples, Score

FLOOR = 1e-6  # of a logarithmic axis
BOUNDS = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}  # of activations that saturate


class CodeHealth:
    """How a code is used on the test part, and the singular values of the encoder's Jacobian there.

    - ``active_fraction``: share of values above ``threshold`` times the largest magnitude its unit reaches on the
      test part; ``l0``: the number of them in one code; ``dead_units``: share of units that never move.
    - ``mean_activation``; ``rho`` beside it, where the penalty aims at one.
    - ``effective_rank``: exp of the entropy of the normalised eigenvalues of the code's covariance (Roy & Vetterli
      2007): 1 to the code size.
    - ``saturation``: share of values within ``saturation`` of the range's ends, for activations that have ends
      (Rifai et al. 2011, Table 1).
    - ``jacobian_norm``: mean squared Frobenius norm of the Jacobian at ``jacobians`` test examples (the penalty of
      Rifai et al. 2011); ``jacobian_rank``: effective rank of its squared singular values, their mean. Symbols
      and discrete codes have none.

    PCA of the same code size stands beside, of numbers; the singular values of its Jacobian are all 1, everywhere.
    """

    takes_gaps = True
    takes_given = True

    def __init__(self, threshold: float = 1e-3, saturation: float = 0.05, jacobians: int = 200) -> None:
        self.threshold = threshold
        self.saturation = saturation
        self.jacobians = jacobians
        self.known: dict[int, np.ndarray] = {}

    def measure(self, coder: Coder, data: Examples) -> list[Score]:
        if len(data.test.x) < 2:
            raise UserError(f"data={data.name}: one test example; at least 2 are needed")
        code = coder.encode(data.test.rows_for(coder)).astype(np.float64)
        active, dead = usage(code, self.threshold)
        scores = [
            Score("active_fraction", active.mean()),
            Score("l0", active.sum(1).mean()),
            Score("dead_units", dead.mean()),
            Score("mean_activation", code.mean()),
            Score("effective_rank", effective_rank(np.linalg.eigvalsh(np.atleast_2d(np.cov(code.T))))),
        ]
        target = getattr(coder, "target_activation", None)
        if target is not None:
            scores.append(Score("rho", target))
        bounds = BOUNDS.get(getattr(coder, "activation", ""))
        if bounds:
            scores.append(Score("saturation", saturated(code, *bounds, self.saturation)))
        values = self._singular_values(coder, data)
        if values is not None:
            squares = values**2
            scores.append(Score("jacobian_norm", squares.sum(1).mean()))
            scores.append(Score("jacobian_rank", float(np.mean([effective_rank(row) for row in squares]))))
        return [Score(score.metric, float(score.value)) for score in scores]

    def baselines(self, data: Examples, code_size: int) -> Mapping[str, list[Score]]:
        if data.kind == "symbols":
            return {}
        return {"pca": self.measure(PCACoder(data.train.x, code_size), data)}

    def pictures(self, coder: Coder, data: Examples) -> Mapping[str, np.ndarray]:
        values = self._singular_values(coder, data)
        return {} if values is None else {"spectrum": figure_pixels(lambda axes: _spectrum(axes, values))}

    def curves(self, coder: Coder, data: Examples) -> Mapping[str, Curve]:
        values = self._singular_values(coder, data)
        if values is None:
            return {}
        rank = np.arange(1, values.shape[1] + 1)
        return {"spectrum": Curve(rank, values.mean(0), "rank", "singular value of the encoder's Jacobian", "y")}

    def _singular_values(self, coder: Coder, data: Examples) -> np.ndarray | None:
        """Of the encoder's Jacobian ``[n, min(H, D)]``, largest first, once for each coder; None where it has none."""
        jacobian = getattr(coder, "jacobian", None)
        moves = data.kind != "symbols" and getattr(getattr(coder, "model", None), "differentiable", True)
        if jacobian is None or not moves:
            return None
        if id(coder) not in self.known:
            count = min(self.jacobians, len(data.test.x))
            chosen = np.random.default_rng(data.seed).choice(len(data.test.x), count, replace=False)
            found = jacobian(data.test.rows_for(coder)[chosen]).astype(np.float64)
            self.known[id(coder)] = np.linalg.svd(found, compute_uv=False)
        return self.known[id(coder)]


def usage(code: np.ndarray, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Which values of codes ``[N, H]`` are active, and which units ``[H]`` are dead: the same for all examples."""
    reach = np.abs(code).max(0)
    dead = np.ptp(code, axis=0) <= threshold * np.maximum(reach, np.finfo(np.float32).tiny)
    return (np.abs(code) > threshold * reach) & (reach > 0), dead


def saturated(code: np.ndarray, low: float, high: float, margin: float) -> float:
    """Share of values within ``margin`` times the range of its ends."""
    width = margin * (high - low)
    return float(((code < low + width) | (code > high - width)).mean())


def effective_rank(values: np.ndarray) -> float:
    """exp of the entropy of non-negative ``values`` as shares of their sum; 0 if all are 0."""
    values = np.clip(values, 0, None)
    if values.sum() == 0:
        return 0.0
    return float(np.exp(entr(values / values.sum()).sum()))


def _spectrum(axes: Any, values: np.ndarray) -> None:
    rank = np.arange(1, values.shape[1] + 1)
    values = np.maximum(values, FLOOR)
    low, middle, high = np.quantile(values, [0.1, 0.5, 0.9], axis=0)
    axes.fill_between(rank, low, high, alpha=0.25, linewidth=0, color="#4477aa", label="10 % to 90 %")
    axes.plot(rank, middle, color="#4477aa", label="median over test examples")
    axes.axhline(1, color="0.5", linestyle="--", linewidth=1, label="PCA")
    axes.set(xlabel="rank", ylabel="singular value of the encoder's Jacobian", yscale="log")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(frameon=False)
