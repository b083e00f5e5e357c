"""Regularised autoencoder: what noise does in a VAE, a smooth decoder and short codes do without any."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from aelab.errors import UserError
from aelab.models.base.autoencoder import Forward
from aelab.models.base.warmup import WarmedUp
from aelab.objectives.jacobian import columns_estimate, exact_by_columns
from aelab.objectives.penalties import squared_weights
from aelab.objectives.randomness import Generators


class RegularizedAutoencoder(WarmedUp):
    """``error + code_weight / 2 * mean |z|^2 + weight * R`` (Ghosh et al. 2020).

    ``regularizer``: R is, for ``l2``, the sum of the squares of the decoder's weights; for ``gradient``,
    ``||J_g(z)||_F^2`` of the *decoder* at the codes, exact outside training and estimated without bias from one random
    direction in training; for ``spectral`` 0, since every weight of the decoder is then divided by its largest singular
    value (exactly, of a convolution that of its kernel as a matrix). Samples come from a Gaussian mixture fitted to
    training codes (``run.sample``).
    """

    unused = ()

    def __init__(
        self,
        *args: Any,
        regularizer: Literal["l2", "gradient", "spectral"] = "l2",
        code_weight: float = 0.1,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        if code_weight < 0:
            raise UserError(f"model.code_weight={code_weight}: must be 0 or more")
        self.regularizer = regularizer
        self.code_weight = code_weight
        self.paddable = regularizer != "gradient"  # whose random directions would be more than a lone one's
        for layer in self._decoder_layers() if regularizer == "spectral" else ():
            parametrize.register_parametrization(layer, "weight", _OfNormOne(layer.weight.ndim))

    def _decoder_layers(self) -> Any:
        """The layers whose weights the decoder uses: of a tied network the encoder's."""
        return self.network.encoder_layers if self.network.tied else self.network.decoder_layers

    def penalties(self, forward: Forward, generator: Generators = None) -> dict[str, Tensor]:
        code = forward.encoding.code
        lengths = 0.5 * self.mean(code.square().sum(-1))
        return {"penalty": self._roughness(code, generator), "code_length": lengths}

    def _roughness(self, code: Tensor, generator: Generators) -> Tensor:
        if self.regularizer == "l2":
            layers = (*self._decoder_layers(), *self.network.given_layers[1:])
            return squared_weights(layers, code.ndim - 2)
        if self.regularizer == "gradient":
            estimated = self.training and torch.is_grad_enabled()
            if estimated:
                return columns_estimate(self.output, code, generator, self.mean)
            return exact_by_columns(self.output, code, self.mean)
        return code.new_zeros(code.shape[:-2])

    def factor(self, name: str, penalty: Tensor) -> float | Tensor:
        return self.code_weight if name == "code_length" else super().factor(name, penalty)


class _OfNormOne(nn.Module):
    """A weight over its largest singular value, whatever axes stand in front of the ``axes`` of a lone one."""

    def __init__(self, axes: int) -> None:
        super().__init__()
        self.axes = axes

    def forward(self, weight: Tensor) -> Tensor:
        norm = torch.linalg.matrix_norm(weight.flatten(1 - self.axes), ord=2)
        return weight / norm.view(*norm.shape, *[1] * self.axes)
