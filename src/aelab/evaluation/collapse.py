"""What the best linear VAE of the same weight does: the curve that is known, until the code collapses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from aelab.errors import UserError
from aelab.evaluation.baselines.linear import PCACoder
from aelab.evaluation.baselines.pca import fit_pca
from aelab.evaluation.images.sheets import figure_pixels
from aelab.evaluation.measures.anomaly_scores import squared_errors
from aelab.evaluation.measures.intervals import mean_score
from aelab.evaluation.protocol import Coder, Examples, Score


class Collapse:
    """Closed forms of the linear VAE with the run's weight and code size, on the training part (Lucas et al. 2019).

    lambda_i are the variances of its principal components, s^2 half the weight, and the i-th of H units is active where
    lambda_i exceeds s^2.

    - ``linear_rate``: sum of log(lambda_i / s^2) / 2 over active units, nats; ``linear_active_units``.
    - ``linear_error_sampled``: of a drawn code, s^2 for each active unit and lambda_i for the rest. It is the sum of
      ``linear_error``, of the mean code (s^4 / lambda_i in place of s^2), which is bias^2 of endless data, and
      ``linear_variance_code`` (s^2 - s^4 / lambda_i).

    Beside them the run's own ``rate`` and ``error`` on the test part, with t-intervals, and the error of PCA. Raises
    UserError for other errors than ``squared``, and without a weight.
    """

    needs = ("numbers", "likelihood")

    def measure(self, coder: Coder, data: Examples) -> list[Score]:
        likely: Any = coder
        known = linear_vae(_variances(data), coder.code_size, _noise(coder))
        return [
            mean_score("rate", likely.unit_rates(data.test.x).sum(1)),
            mean_score("error", squared_errors(data.test.x, coder.reconstruct(data.test.x))),
            *(Score(f"linear_{name}", value) for name, value in known.items()),
        ]

    def baselines(self, data: Examples, code_size: int) -> Mapping[str, list[Score]]:
        pca = PCACoder(data.train.x, code_size)
        return {"pca": [mean_score("error", squared_errors(data.test.x, pca.reconstruct(data.test.x)))]}

    def pictures(self, coder: Coder, data: Examples) -> Mapping[str, np.ndarray]:
        variances = _variances(data)
        own = _noise(coder)
        weights = np.geomspace(1e-3, 4, 200) * max(variances[0], 1e-12)
        curves = [linear_vae(variances, coder.code_size, weight / 2) for weight in weights]

        def draw(axes: Any) -> None:
            for name in ("error_sampled", "error", "variance_code"):
                axes.plot(weights, [curve[name] for curve in curves], label=name.replace("_", " "))
            axes.axvline(2 * own, color="0.6", linewidth=0.8)
            axes.set(xscale="log", xlabel="weight of the KL (line: the run's)", ylabel="squared error, linear VAE")
            axes.legend(frameon=False)

        return {"linear": figure_pixels(draw)}


def linear_vae(variances: np.ndarray, code_size: int, noise: float) -> dict[str, float]:
    """Figures of the best linear VAE of so many units for components of ``variances`` ``[D]``, largest first, with
    ``noise``, the variance of a value about its reconstruction."""
    kept = variances[:code_size]
    active = kept[kept > noise]
    rest = float(kept[kept <= noise].sum() + variances[code_size:].sum())
    error = rest + float((noise**2 / active).sum())
    sampled = rest + noise * len(active)
    return {
        "rate": float(0.5 * np.log(active / noise).sum()),
        "error_sampled": sampled,
        "error": error,
        "variance_code": sampled - error,
        "active_units": float(len(active)),
    }


def _variances(data: Examples) -> np.ndarray:
    found: np.ndarray = fit_pca(torch.as_tensor(data.train.x)).variances.numpy().clip(0)
    return found


def _noise(coder: Coder) -> float:
    """Half of the weight of the KL."""
    weight = getattr(coder, "kl_weight", None)
    if weight is None:
        raise UserError("the closed forms are those of a VAE with error=squared and a fixed model.weight above 0")
    return 0.5 * float(weight)
