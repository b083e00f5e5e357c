"""What a bias-variance decomposition found, with its uncertainty."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from aelab.evaluation.measures.two_sources import Interval, of_logarithm, symmetric

QUANTITIES = ("error", "bias2", "variance", "variance_data", "variance_init")
FEWEST_TRUSTED = 5
"""Replicas (nested: data sets) from which on the variance's interval holds the truth as often as it says."""


@dataclass(frozen=True, eq=False)
class PerExample:
    """Each [N], summed over an example's values. One bias2 may be negative: only the mean is unbiased."""

    error: Tensor
    bias2: Tensor
    variance: Tensor


@dataclass(frozen=True, eq=False, kw_only=True)
class Decomposition:
    """noise + bias2 + variance = error: summed over an example's values, averaged over examples and replicas.

    Squared error: in squared units of the data, all unbiased. Cross-entropy and categorical: in nats, jackknifed (no
    unbiased estimate exists); bias2 is KL(target || mean prediction), of a symbol -log its predicted probability.
    `naive_*` are the plug-in figures, whose bias2 is too large and whose variance is too small by the same amount.

    Every quantity has three standard errors:

    - `*_se_examples`: had other test examples been drawn (standard deviation of their parts / sqrt N);
    - `*_se_replicas`: had other replicas been trained (delete-one jackknife over replicas; nested: over data
      sets). It is nan where it cannot be told: all but error and variance_init need 3 of them;
    - `*_se`: both, the square root of the sum of the two squares, as in the pigeonhole bootstrap (Owen 2007).
      What belongs to a replica and an example jointly is counted in each, so it errs on the large side.
    """

    error: float
    error_se: float
    error_se_examples: float
    error_se_replicas: float
    bias2: float
    bias2_se: float
    bias2_se_examples: float
    bias2_se_replicas: float
    variance: float
    variance_se: float
    variance_se_examples: float
    variance_se_replicas: float
    variance_se_log_replicas: float = math.nan
    """Of log(variance), over replicas: the delete-one jackknife of the logarithm; nan where that does not exist."""
    # Nested only: the variance due to the training data, and to the initialisation (and order of batches).
    variance_data: float | None = None
    variance_data_se: float | None = None
    variance_data_se_examples: float | None = None
    variance_data_se_replicas: float | None = None
    variance_init: float | None = None
    variance_init_se: float | None = None
    variance_init_se_examples: float | None = None
    variance_init_se_replicas: float | None = None

    error_name: str
    """Which: squared, cross_entropy, categorical, ..."""
    noiseless: bool = True
    """Whether a perfect prediction makes no error."""
    noise: float
    """The error of a perfect prediction: 0 (squared, categorical), or the entropy of the target (cross-entropy)."""
    naive_bias2: float
    naive_variance: float
    count_replicas: int
    """Replicas used."""
    count_examples: int
    count_data_sets: int | None = None
    """Training sets used, if nested."""
    diverged: tuple[int, ...] = ()
    """Replicas left out, as their predictions are not finite."""
    per_example: PerExample = field(repr=False)
    left_out: Mapping[str, Tensor] = field(repr=False)
    """By quantity: what it is without one of the U units (data sets if nested, else replicas), [U]."""
    bias2_map: Tensor = field(repr=False)
    """Averaged over examples only: the shape of one example (symbols: a value for each position). They sum to bias2."""
    variance_map: Tensor = field(repr=False)

    def interval(self, quantity: str, level: float = 0.95) -> Interval:
        """Confidence interval of `quantity` (a name such as "bias2") for new examples and new replicas.

        Each standard error is stretched by its own Student t quantile before the two are added in quadrature:
        N-1 degrees of freedom for the examples' and K-1 for the replicas' (nested: data sets - 1). With few
        replicas theirs is the part that is poorly known. The variance's is that of its logarithm (`of_logarithm`):
        not symmetric, never negative. (nan, nan) where it is nan.

        In simulations, 95 % intervals from 5 to 30 replicas held the truth 92 to 99 % of the time. With fewer,
        the variance's is not to be trusted: `variance_interval_trusted`.

        Raises ValueError if the decomposition has no such quantity.
        """
        present = self._present()
        if quantity not in present:
            raise ValueError(f"no interval for {quantity!r}: this decomposition has {', '.join(present)}")
        value: float = getattr(self, quantity)
        se_examples, se_replicas = (getattr(self, f"{quantity}_se_{source}") for source in ("examples", "replicas"))
        if quantity == "variance" and value > 0 and not math.isnan(self.variance_se_log_replicas):
            return of_logarithm(
                value, self.count_examples, self.units, se_examples, self.variance_se_log_replicas, level
            )
        return symmetric(value, self.count_examples, self.units, se_examples, se_replicas, level)

    @property
    def units(self) -> int:
        """What was drawn independently, K: data sets if nested, else replicas."""
        return self.count_data_sets or self.count_replicas

    @property
    def variance_interval_trusted(self) -> bool:
        """Whether there are replicas (nested: data sets) enough, 5, for the variance's interval to hold the truth."""
        return self.units >= FEWEST_TRUSTED

    def metrics(self, prefix: str = "test/") -> dict[str, float]:
        """Flat figures to log: each quantity with its standard errors and the `_low` and `_high` end of its 95 %
        interval, and the noise where there may be some.

        What this decomposition cannot tell (None or nan) is left out.
        """
        suffixes = ("", "_se", "_se_examples", "_se_replicas")
        names = [quantity + suffix for quantity in self._present() for suffix in suffixes]
        if not self.noiseless:
            names.append("noise")
        values = {name: getattr(self, name) for name in names}
        for quantity in self._present():
            values[f"{quantity}_low"], values[f"{quantity}_high"] = self.interval(quantity)
        return {prefix + name: value for name, value in values.items() if not math.isnan(value)}

    def _present(self) -> list[str]:
        return [quantity for quantity in QUANTITIES if getattr(self, quantity) is not None]
