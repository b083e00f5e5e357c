"""Deep support vector data description: the data in a small ball of code space, anomalies outside."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from aelab.errors import UserError
from aelab.models.base.autoencoder import Autoencoder, Forward
from aelab.objectives.randomness import Generators


class OneClassAutoencoder(Autoencoder):
    """``weight * mean |f(x) - c|^2``; c is the mean code of the training examples at the start (Ruff et al. 2018).

    The encoder has no biases, since with them all codes could be c; weight decay is the optimiser's
    (``optimizer=adamw``). There is no decoder: every reconstruction is the mean training example (logits are 0), so
    that ``error`` is a constant and weights are chosen by ``val/penalty``, the distance. ``margin``: values of c nearer
    to 0 than that are moved there, as zero weights would reach them. Anomalies are what lies far from c:
    ``evaluation.anomaly_detection.score=centre``.
    """

    unused = ()
    monitor = "val/penalty"
    paddable = False
    takes_given = False  # of which a code could be made that is near c whatever the example
    centre: Tensor
    example: Tensor

    def __init__(self, *args: Any, margin: float = 0.1, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if margin < 0:
            raise UserError(f"model.margin={margin}: must be 0 or more")
        self.margin = margin
        self.register_buffer("centre", torch.zeros(self.network.code_size))
        self.register_buffer("example", torch.zeros(self.network.input_size))
        self.network.requires_grad_(False)
        for layer in self.network.encoder_layers:
            layer.weight.requires_grad_(True)
            layer.bias.zero_()

    @torch.no_grad()
    def initialize(self, x: Tensor) -> None:
        centre = self.mean(self.encode(x), -2)
        away = torch.where(centre < 0, -self.margin, self.margin)
        self.centre.copy_(torch.where(centre.abs() < self.margin, away, centre))
        self.example.copy_(self.mean(x.to(self.example), -2))

    def output(self, code: Tensor, target: Tensor | None = None, generator: Generators = None) -> Tensor:
        if self.error.logits:
            return torch.zeros_like(self.network.decode(code))
        return self.example.unsqueeze(-2).expand(*code.shape[:-1], -1)

    def penalties(self, forward: Forward, generator: Generators = None) -> dict[str, Tensor]:
        return {"penalty": self.mean((forward.encoding.code - self.centre.unsqueeze(-2)).square().sum(-1))}
