"""Standard errors of a decomposition, over examples and over replicas."""

import math

import torch
from torch import Tensor


def mean(values: Tensor, counts: Tensor | None = None) -> float:
    """Of values [N], by what each of them counts, [N]."""
    return (values.mean() if counts is None else (values * counts).sum() / counts.sum()).item()


def standard_error(values: Tensor, counts: Tensor | None = None) -> float:
    """Of the mean of independent values [N]; nan if N = 1.

    With ``counts`` that of the ratio sum(w v) / sum(w): sqrt(N / (N-1) sum w^2 (v - mean)^2) / sum(w), which is the
    same whatever the scale of w, and the plain one where all are equal (Cochran 1977, ch. 6).
    """
    if len(values) < 2:
        return math.nan
    if counts is None:
        return values.std().item() / math.sqrt(len(values))
    squares = (counts * (values - mean(values, counts))).square().sum().item()
    return math.sqrt(len(values) / (len(values) - 1) * squares) / counts.sum().item()


def jackknife(left_out: Tensor) -> float:
    """Standard error of an estimate, from its U values without one unit (Efron & Tibshirani 1993, 11.5)."""
    units = len(left_out)
    return math.sqrt((units - 1) / units * (left_out - left_out.mean()).square().sum().item())


def log_jackknife(left_out: Tensor) -> float:
    """The same of the logarithm of an estimate (Miller 1968); nan where a value is not positive."""
    return jackknife(left_out.log()) if bool((left_out > 0).all()) else math.nan


def leave_one_out(error: Tensor, between: Tensor, init: Tensor, init_correction: Tensor) -> dict[str, Tensor]:
    """Every quantity with each of the U units (data sets, else replicas) left out, [U]; bias2 with the noise.

    All arguments [U]: a unit's error, its pseudo-value of the variance between units (`spread`), the variance
    among its own replicas, and how much of `between` is owed to that.

    Means over units are exact. So is, for the squared error, the unbiased variance: without u it is
    V - (v_u - V) / (U-2), with pseudo-values v_u = U / (U-1) |f_u - fbar|^2. For the cross-entropy the same
    formula spares the U^2 passes that leaving out two at a time would take: it is Tukey's jackknife of the
    plug-in variance, widened by (U-1) / (U-2).
    """
    units = len(error)

    def without(each: Tensor, others: int) -> Tensor:
        return each.mean() - (each - each.mean()) / others if others else torch.full_like(each, math.nan)

    error, init, init_correction = (without(each, units - 1) for each in (error, init, init_correction))
    variance_data = without(between, units - 2) - init_correction
    variance = variance_data + init
    return {
        "error": error,
        "bias2": error - variance,
        "variance": variance,
        "variance_data": variance_data,
        "variance_init": init,
    }
