"""Variational autoencoder: a code is a normal distribution, and what it tells of x costs nats."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from aelab.errors import UserError
from aelab.models.base.autoencoder import Autoencoder, Forward
from aelab.models.base.learner import Encoding
from aelab.networks.layers import Affine
from aelab.objectives.divergence import normal_kl
from aelab.objectives.randomness import Generators, normal

LARGEST_LOG_VARIANCE = 20.0  # in the exponent alone, so that a first step that is too long stays finite


class VariationalAutoencoder(Autoencoder):
    """``error + weight * KL(N(m, v) || N(0, I))`` with the code ``m + sqrt(v) * n`` (Kingma & Welling 2014).

    n is standard normal and drawn for each example; outside training the code is m.

    ``weight``: beta (Higgins et al. 2017) for the cross-entropy; ``2 s^2 beta`` for the squared error, where s^2 is the
    variance of a value about its reconstruction. ``warmup``: share of the epochs over which the weight rises linearly
    from 0, anew in each of ``cycles`` (Fu et al. 2019). ``free_nats``: a unit whose KL, averaged over the batch, is
    below that pays that (Kingma et al. 2016, eq. 15). ``capacity``: the KL is held at so many nats, which rise from 0
    over the training, by ``|KL - capacity|`` (Burgess et al. 2018); null for none. With either of the two the metric
    ``kl`` is the KL itself.
    """

    monitor = "val/loss"
    unused = ()
    paddable = False  # a padded code would draw more noise than a lone one

    def __init__(
        self,
        *args: Any,
        warmup: float = 0.0,
        cycles: int = 1,
        free_nats: float = 0.0,
        capacity: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        if self.code_activation_name != "identity":
            raise UserError(
                f"model.code_activation={self.code_activation_name}: a mean may be any number; use "
                "model.code_activation=identity"
            )
        if not 0 <= warmup <= 1:
            raise UserError(f"model.warmup={warmup}: must be a share of the epochs between 0 and 1")
        if cycles < 1:
            raise UserError(f"model.cycles={cycles}: must be at least 1")
        if free_nats < 0 or (capacity is not None and capacity < 0):
            raise UserError(f"model.free_nats={free_nats} model.capacity={capacity}: nats are 0 or more")
        if free_nats and capacity is not None:
            raise UserError(f"model.free_nats={free_nats} model.capacity={capacity}: use one of them")
        self.warmup = warmup
        self.cycles = cycles
        self.free_nats = free_nats
        self.capacity = capacity
        self.progress = 1.0  # of the training, from 0 to 1
        self.log_variance = Affine(self.network.features_size, self.network.code_size)
        torch.nn.init.zeros_(self.log_variance.bias)

    def infer(self, x: Tensor, generator: Generators = None) -> Encoding:
        features = self.network.features(x)
        mean = self.network.code_of(features, x)
        log_variance = self.log_variance(features)
        code = mean
        if self.training:
            deviation = (0.5 * log_variance.clamp(max=LARGEST_LOG_VARIANCE)).exp()
            code = mean + deviation * normal(mean, generator)
        return Encoding(code, {"mean": mean, "log_variance": log_variance})

    def penalties(self, forward: Forward, generator: Generators = None) -> dict[str, Tensor]:
        parts = forward.encoding.parts
        units = normal_kl(parts["mean"], parts["log_variance"].clamp(max=LARGEST_LOG_VARIANCE)).mean(-2)
        kl = units.sum(-1)
        if self.free_nats:
            return {"penalty": units.clamp(min=self.free_nats).sum(-1), "kl": kl}
        if self.capacity is not None:
            allowed = self.capacity * (self.progress if self.training else 1.0)
            return {"penalty": (kl - allowed).abs(), "kl": kl}
        return {"penalty": kl}

    def factor(self, name: str, penalty: Tensor) -> float | Tensor:
        if name == "kl":
            return 0.0
        return super().factor(name, penalty) * (self._warmed() if self.training else 1.0)

    def _warmed(self) -> float:
        if not self.warmup:
            return 1.0
        within = self.progress * self.cycles % 1 if self.progress < 1 else 1.0
        return min(1.0, within / self.warmup)

    def on_train_start(self) -> None:
        super().on_train_start()
        self._set_progress()  # an epoch that is resumed does not start

    def on_train_epoch_start(self) -> None:
        super().on_train_epoch_start()
        self._set_progress()

    def _set_progress(self) -> None:
        epochs = self.trainer.max_epochs or 0
        self.progress = self.current_epoch / epochs if epochs > 0 else 1.0  # -1, no last epoch: as at the end
