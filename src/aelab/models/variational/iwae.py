"""Importance-weighted autoencoder: a tighter bound from several codes of each example."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from aelab.errors import UserError
from aelab.models.base.autoencoder import Forward
from aelab.models.variational.normal_code import NormalCode
from aelab.objectives.divergence import normal_log_ratio
from aelab.objectives.likelihood import nats
from aelab.objectives.randomness import Generators, fixed_normal, normal, per_replica


class ImportanceWeightedAutoencoder(NormalCode):
    """``-w E [log 1/K sum_k exp(-(error_k + w r_k) / w)]``, ``r_k = log q(z_k | x) - log p(z_k)`` (Burda et al. 2016).

    K = ``samples`` codes of each example, w = ``weight``: 1 for a likelihood, 2 s^2 for the squared error. With one
    sample it is the VAE's loss, its KL estimated from the sample. The metric ``error`` is that of one of the codes in
    training, and ``penalty`` what is missing to the loss, over w.
    """

    unused = ("warmup", "cycles")
    reported = (*NormalCode.reported, "sampling")

    def __init__(self, *args: Any, samples: int = 5, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if samples < 1:
            raise UserError(f"model.samples={samples}: must be at least 1")
        if not isinstance(self.weight, Tensor) and self.weight == 0:
            raise UserError("model.weight=0: errors are divided by it; use a weight above 0, like model.weight=1")
        self.samples = samples

    def penalties(self, forward: Forward, generator: Generators = None) -> dict[str, Tensor]:
        error = self.mean(self.cost(forward))
        loss = self._loss_of_samples(forward, generator)
        found = {"penalty": (loss - error) / per_replica(self.weight, loss)} | self.of_drawn_code(forward)
        if "elbo" in found:
            known = nats(self.error, loss, forward.x.shape[-1], self.weight)
            assert known is not None
            found["elbo"] = -known
        return found

    def _loss_of_samples(self, forward: Forward, generator: Generators) -> Tensor:
        mean, log_variance = (self._repeated(forward.encoding.parts[name]) for name in ("mean", "log_variance"))
        count = forward.x.shape[-2]
        first = self.drawn(forward)
        rest_mean = mean[..., count:, :]
        rest_log_variance = log_variance[..., count:, :]
        noise = normal(rest_mean, generator) if self.training else fixed_normal(rest_mean, 1)
        codes = torch.cat([first, rest_mean + (0.5 * rest_log_variance).exp() * noise], -2)
        target = self._repeated(forward.x)
        with self.network.repeating(self.samples):
            output = self.output(codes, target, generator)
        errors = self.error(output, target).unflatten(-1, (self.samples, count))
        rates = normal_log_ratio(codes, mean, log_variance).unflatten(-1, (self.samples, count))
        weight = per_replica(self.weight, errors)
        logs = (-errors / weight - rates).logsumexp(-2) - math.log(self.samples)
        return -per_replica(self.weight, logs[..., 0]) * self.mean(logs)

    def _repeated(self, values: Tensor) -> Tensor:
        """``[..., B, D]`` once for each sample, in the examples' axis: ``[..., K * B, D]``."""
        return values.repeat(*[1] * (values.ndim - 2), self.samples, 1)
