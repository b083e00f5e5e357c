"""What variants share whose code is a normal distribution: how it is drawn, what it tells and the bound it gives."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from aelab.errors import UserError
from aelab.models.base.autoencoder import Forward
from aelab.models.base.learner import Encoding
from aelab.models.base.warmup import WarmedUp
from aelab.objectives.divergence import normal_kl
from aelab.objectives.likelihood import has_density, nats
from aelab.objectives.randomness import Generators, fixed_normal, normal

LARGEST_LOG_VARIANCE = 20.0  # in the exponent alone, so that a first step that is too long stays finite


class NormalCode(WarmedUp):
    """The encoder gives ``m`` and ``log v``; the code is ``m + sqrt(v) n``, n standard normal, in training, else ``m``.

    Metrics beside a variant's own: ``rate``, ``KL(N(m, v) || N(0, I))`` in nats, and outside training ``sampling``, by
    how much the error of a drawn code exceeds that of ``m``, which the loss has to pay; ``error_sampled``, the error of
    a drawn code; and ``elbo``, the bound on ``log p(x)`` in nats, where the error is a likelihood. That noise is the
    same in every epoch and for all replicas.
    """

    monitor = "val/loss"
    unused: tuple[str, ...] = ()
    paddable = False  # a padded code would draw more noise than a lone one
    prior = "normal"
    reported: tuple[str, ...] = ("rate", "error_sampled", "elbo")  # metrics that the loss does not pay

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.code_activation_name != "identity":
            raise UserError(
                f"model.code_activation={self.code_activation_name}: a mean may be any number; use "
                "model.code_activation=identity"
            )
        self.log_variance = self.network.head()
        torch.nn.init.zeros_(self.log_variance.bias)

    def infer(self, x: Tensor, generator: Generators = None) -> Encoding:
        features = self.network.features(x)
        mean = self.network.code_of(features, x)
        log_variance = self.log_variance(features).clamp(max=LARGEST_LOG_VARIANCE)
        encoding = Encoding(mean, {"mean": mean, "log_variance": log_variance})
        return Encoding(self.draw(encoding, generator), encoding.parts) if self.training else encoding

    def draw(self, encoding: Encoding, generator: Generators = None) -> Tensor:
        mean = encoding.parts["mean"]
        return mean + (0.5 * encoding.parts["log_variance"]).exp() * normal(mean, generator)

    def drawn(self, forward: Forward) -> Tensor:
        """A code ``[..., B, H]`` with noise: in training the one that was decoded, else always with the same."""
        if self.training:
            return forward.encoding.code
        mean = forward.encoding.parts["mean"]
        log_variance = forward.encoding.parts["log_variance"]
        return mean + (0.5 * log_variance).exp() * fixed_normal(mean)

    def unit_rates(self, encoding: Encoding) -> Tensor:
        """The KL of each unit ``[..., B, H]``, nats."""
        return normal_kl(encoding.parts["mean"], encoding.parts["log_variance"])

    def factor(self, name: str, penalty: Tensor) -> float | Tensor:
        return 0.0 if name in self.reported else super().factor(name, penalty)

    def of_drawn_code(self, forward: Forward) -> dict[str, Tensor]:
        """``rate``, and outside training ``sampling``, ``error_sampled`` and ``elbo``, each ``[...]``."""
        rate = self.mean(self.unit_rates(forward.encoding).sum(-1))
        if self.training:
            return {"rate": rate}
        error = self.mean(self.cost(forward._replace(output=self.output(self.drawn(forward), forward.x))))
        known = nats(self.error, error, forward.x.shape[-1], self.scale(error, forward.x.shape[-1]))
        bound = {} if known is None else {"elbo": -(known + rate)}
        sampling = error - self.mean(self.cost(forward))
        return {"rate": rate, "sampling": sampling, "error_sampled": error} | bound

    @property
    def has_likelihood(self) -> bool:
        """Whether the error is a likelihood, or squared with a fixed variance."""
        scale = torch.as_tensor(self.scale(torch.zeros(()), 1))
        return has_density(self.error) and (not self.error.is_squared or bool((scale > 0).all()))

    def scale(self, error: Tensor, values: int) -> float | Tensor:
        """Twice the variance of a value about its reconstruction that the weight of the KL stands for."""
        return self.weight

    def beside(self, forward: Forward) -> dict[str, Tensor]:
        mean = forward.encoding.parts["mean"].detach().double()
        return super().beside(forward) | {"moments": torch.stack([mean, mean.square()], -3).mT}
