"""Sparse autoencoder: few code units active, by an L1 or a Kullback-Leibler penalty."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from aelab.errors import UserError
from aelab.models.base.autoencoder import Autoencoder, Forward
from aelab.models.base.learner import Encoding
from aelab.objectives.penalties import kl_to_target, squared_weights
from aelab.objectives.randomness import Generators, per_replica


class SparseAutoencoder(Autoencoder):
    """Adds ``weight * sum_j |h_j|`` or ``weight * sum_j KL(rho || rho_j)`` (Ng 2011, CS294A).

    Works over a bottleneck or, with a code as wide as the input or wider, in place of one.

    ``sparsity``: ``l1`` or ``kl``. ``target``: rho, the mean activation aimed at (kl only; the code activation
    must be ``sigmoid``). ``mean_activation``: how rho_j is estimated: ``batch``, the mean over the batch, or
    ``running``, an exponential average over batches with ``momentum`` whose gradient is the batch's own.
    ``decay``: adds ``weight * decay * sum ||W||_F^2`` over the weights of encoder and decoder. Ng's cost, half the
    squared error + lambda / 2 sum ||W||^2 + beta sum KL, is half of ours at weight = 2 beta, decay = lambda / (2 beta).
    """

    running_activation: Tensor
    unused = ()
    varying = ("weight", "target")

    def __init__(
        self,
        *args: Any,
        sparsity: str = "l1",
        target: float | Tensor = 0.05,
        mean_activation: str = "batch",
        momentum: float = 0.9,
        decay: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        if sparsity not in ("l1", "kl"):
            raise UserError(f"model.sparsity={sparsity}: choose l1 or kl")
        if sparsity == "kl" and self.code_activation_name != "sigmoid":
            raise UserError(
                f"model.code_activation={self.code_activation_name}: the KL penalty needs activations between 0 "
                "and 1; use model.code_activation=sigmoid"
            )
        if not isinstance(target, Tensor) and not 0 < target < 1:
            raise UserError(f"model.target={target}: the target mean activation must be between 0 and 1")
        if mean_activation not in ("batch", "running"):
            raise UserError(f"model.mean_activation={mean_activation}: choose batch or running")
        if not 0 <= momentum < 1:
            raise UserError(f"model.momentum={momentum}: must be at least 0 and below 1")
        if decay < 0:
            raise UserError(f"model.decay={decay}: must be 0 or more")
        self.sparsity = sparsity
        self.decay = decay
        self.target = target
        self.running = sparsity == "kl" and mean_activation == "running"
        self.momentum = momentum
        if self.running:
            start = torch.full((self.network.code_size,), 0.5)
            self.register_buffer("running_activation", start)

    def penalties(self, forward: Forward, generator: Generators = None) -> dict[str, Tensor]:
        code = forward.encoding.code
        sparsity = self.mean(code.abs().sum(-1)) if self.sparsity == "l1" else self._divergence(code)
        if self.decay:
            layers = (*self.network.encoder_layers, *self.network.decoder_layers, *self.network.given_layers)
            sparsity = sparsity + self.decay * squared_weights(layers, code.ndim - 2)
        return {"penalty": sparsity}

    def _divergence(self, code: Tensor) -> Tensor:
        mean = self.mean(code, -2)
        if self.running and self.training:
            average = self.momentum * self.running_activation + (1 - self.momentum) * mean.detach()
            mean = mean + (average - mean).detach()
        if self.code_mask is not None:  # units that only pad the code are at their target
            mean = torch.where(self.code_mask.squeeze(-2), mean, per_replica(self.target, mean))
        return kl_to_target(mean, self.target)

    def aimed_activation(self) -> float | None:
        return float(self.target) if self.sparsity == "kl" else None

    def observe(self, encoding: Encoding) -> None:
        if self.running:
            self.running_activation.lerp_(self.across(self.mean_of_last(encoding.code, -2), "mean"), 1 - self.momentum)
