"""Gated: a sparse autoencoder in which whether a unit is active and how much are two questions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from aelab.models.base.autoencoder import Forward
from aelab.models.dictionary.base import DictionaryAutoencoder
from aelab.objectives.randomness import Generators


class GatedAutoencoder(DictionaryAutoencoder):
    """``h = [z > 0] ReLU(e^r z + m)``: z opens the gate, a rescaled z is the magnitude (Rajamanoharan et al. 2024a).

    Adds ``weight * sum_j ReLU(z_j)``, which shrinks gates and no magnitudes, and, so that gates learn, the error of
    ReLU(z) decoded with the decoder held fixed (eq. 8). r and m are the paper's r_mag and ``b_mag - e^r b_gate``.
    """

    unused = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.log_scale = nn.Parameter(torch.zeros(self.network.code_size))
        self.shift = nn.Parameter(torch.zeros(self.network.code_size))

    def sparse(self, z: Tensor) -> Tensor:
        magnitude = self.log_scale.exp().unsqueeze(-2) * z + self.shift.unsqueeze(-2)
        return torch.where(z > 0, magnitude.relu(), 0.0)

    def sparsity(self, z: Tensor, code: Tensor) -> Tensor:
        return self.mean(z.relu().sum(-1))

    def penalties(self, forward: Forward, generator: Generators = None) -> dict[str, Tensor]:
        found = super().penalties(forward, generator)
        return found | {"gates": self._error_of_gates(forward)} if self.training else found

    def _error_of_gates(self, forward: Forward) -> Tensor:
        network = self.network
        norms = [parameter for norm in network.decoder_norms for parameter in norm.parameters()]
        norms += [layer.weight for layer in network.given_layers]
        with _held([*network.decoder_layers.parameters(), *norms, *network.decoder_biases, *self._shared_weights()]):
            through_gates = self.output(forward.encoding.parts["preactivation"].relu(), forward.x)
        return self.mean(self.error(through_gates, forward.x))

    def _shared_weights(self) -> list[Tensor]:
        return [layer.weight for layer in self.network.encoder_layers] if self.network.tied else []


@contextmanager
def _held(parameters: Iterable[Tensor]) -> Iterator[None]:
    """What is computed within takes these parameters as constants."""
    learning = [parameter for parameter in parameters if parameter.requires_grad]
    for parameter in learning:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in learning:
            parameter.requires_grad_(True)
