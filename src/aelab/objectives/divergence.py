"""Divergences between the distribution of a code and its prior."""

from torch import Tensor


def normal_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """``KL(N(m, v) || N(0, 1)) = (m^2 + v - 1 - log v) / 2`` of each value, in nats (Kingma & Welling 2014, app. B)."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)
