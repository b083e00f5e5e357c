"""What a bias-variance decomposition found, with its uncertainty."""

import math
from dataclasses import dataclass, field

from scipy.special import stdtrit
from torch import Tensor

QUANTITIES = ("error", "bias2", "variance", "variance_data", "variance_init")


@dataclass(frozen=True, eq=False)
class PerExample:
    """Per example [N], summed over its values. Single entries of bias2 may be negative: only means are unbiased."""

    error: Tensor
    bias2: Tensor
    variance: Tensor


@dataclass(frozen=True, eq=False, kw_only=True)
class Decomposition:
    """noise + bias2 + variance = error: summed over the values of an example, averaged over examples and replicas.

    Squared error: in squared units of the data; all unbiased. Cross-entropy: in nats, jackknifed (no unbiased
    estimate exists); bias2 is then KL(target || mean prediction). `naive_*` are the plug-in figures, whose bias2 is
    too large and variance too small by the same amount.

    Every quantity has three standard errors:

    - `*_se_examples`: had other test examples been drawn (standard deviation of the examples' parts / sqrt N);
    - `*_se_replicas`: had other replicas been trained (delete-one jackknife over replicas; over data sets if nested).
      It is nan where it cannot be told: bias2, variance and variance_data need 3 replicas (nested: 3 data sets);
    - `*_se`: both, the square root of the sum of the two squares, as in the pigeonhole bootstrap (Owen 2007). What
      belongs to a replica and an example jointly is counted in each, so it errs on the large side.
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
    # Nested only: the parts of the variance due to the training data and to the initialisation (and batch order).
    variance_data: float | None = None
    variance_data_se: float | None = None
    variance_data_se_examples: float | None = None
    variance_data_se_replicas: float | None = None
    variance_init: float | None = None
    variance_init_se: float | None = None
    variance_init_se_examples: float | None = None
    variance_init_se_replicas: float | None = None

    error_name: str
    """ "squared" or "cross_entropy"."""
    noise: float
    """The error of a perfect prediction: 0 for the squared error, the target's entropy for the cross-entropy."""
    naive_bias2: float
    naive_variance: float
    count_replicas: int
    """Replicas used."""
    count_examples: int
    count_data_sets: int | None = None
    """Training sets used, if nested."""
    diverged: tuple[int, ...] = ()
    """Replicas left out because their predictions are not finite."""
    per_example: PerExample = field(repr=False)
    bias2_map: Tensor = field(repr=False)
    """bias2 of every value, averaged over examples: the shape of one example."""
    variance_map: Tensor = field(repr=False)

    def interval(self, quantity: str, level: float = 0.95) -> tuple[float, float]:
        """Confidence interval of `quantity` (a name such as "bias2") for new examples and new replicas.

        Each standard error is stretched by its own Student t quantile, N-1 degrees of freedom for the examples' and
        K-1 for the replicas' (nested, S data sets: S-1), before the two are added in quadrature: with few replicas
        it is their part, not the examples', that is poorly known. (nan, nan) where the replicas' part is nan.

        Raises ValueError if the decomposition has no such quantity.
        """
        value = getattr(self, quantity) if quantity in QUANTITIES else None
        if value is None:
            raise ValueError(f"no interval for {quantity!r}: this decomposition has {', '.join(self._present())}")
        units = self.count_data_sets or self.count_replicas
        tail = (1 + level) / 2
        half = math.hypot(
            stdtrit(self.count_examples - 1, tail) * getattr(self, f"{quantity}_se_examples"),
            stdtrit(units - 1, tail) * getattr(self, f"{quantity}_se_replicas"),
        )
        return value - half, value + half

    def metrics(self, prefix: str = "test/") -> dict[str, float]:
        """Flat figures to log: each quantity, its three standard errors, and for the cross-entropy the noise.

        What is not defined for this decomposition (None or nan) is left out.
        """
        suffixes = ("", "_se", "_se_examples", "_se_replicas")
        names = [quantity + suffix for quantity in self._present() for suffix in suffixes]
        if self.error_name == "cross_entropy":
            names.append("noise")
        values = {name: getattr(self, name) for name in names}
        return {prefix + name: value for name, value in values.items() if not math.isnan(value)}

    def _present(self) -> list[str]:
        return [quantity for quantity in QUANTITIES if getattr(self, quantity) is not None]
