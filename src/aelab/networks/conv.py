"""Convolutional autoencoder for images of any shape."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from aelab.errors import UserError
from aelab.networks.activations import activation as named_activation
from aelab.networks.layers import Affine, Convolution, affine, double, halve
from aelab.networks.network import Network


class Conv(Network):
    """Strided 3 x 3 convolutions, each halving height and width, then one affine layer to the code.

    ``hidden``: channels, outermost first. The decoder mirrors the encoder with transposed convolutions.
    ``tied``: the decoder's weights are the encoder's, transposed; it keeps biases of its own.
    """

    conditional = True

    def __init__(
        self,
        shape: Sequence[int],
        code_size: int,
        hidden: Sequence[int] = (16, 32),
        activation: str = "relu",
        tied: bool = False,
    ) -> None:
        super().__init__(shape, code_size, hidden, tied)
        if len(self.shape) != 3:
            raise UserError(
                f"network=conv: needs images [channels, height, width] but an example has shape "
                f"{list(self.shape)}; use network=mlp"
            )
        if not self.hidden:
            raise UserError("network.hidden=[]: network=conv needs at least one number of channels")
        self.activation = named_activation(activation)
        channels = [self.shape[0], *self.hidden]
        self.sizes = [(self.shape[1], self.shape[2])]
        for _ in self.hidden:
            height, width = self.sizes[-1]
            self.sizes.append((-(-height // 2), -(-width // 2)))
        self.inner_shape = (channels[-1], *self.sizes[-1])
        inner = channels[-1] * self.sizes[-1][0] * self.sizes[-1][1]
        self.encoder_layers = nn.ModuleList(Convolution(m, n) for m, n in pairwise(channels))
        self.encoder_layers.append(Affine(inner, code_size))
        self.decoder_layers = nn.ModuleList()
        self.decoder_biases = nn.ParameterList()
        if tied:
            self.decoder_biases.extend(torch.zeros(n) for n in [inner, *channels[-2::-1]])
        else:
            self.decoder_layers.append(Affine(code_size, inner))
            self.decoder_layers.extend(Convolution(n, m, bias=n) for m, n in pairwise(channels[::-1]))

    def features(self, x: Tensor) -> Tensor:
        x = x.unflatten(-1, self.shape)
        shift = self.encoder_shift()[..., None, None] if self.given_size else None
        for layer in self.encoder_layers[:-1]:
            z = halve(x, layer.weight, layer.bias)
            x = self.activation(z if shift is None else z + shift)
            shift = None
        return x.flatten(-3)

    def given_widths(self) -> tuple[tuple[int, int], tuple[int, int]]:
        into = self.encoder_layers[0].weight
        out_of = self._decoder()[0][0]
        return (into[0].numel(), len(into)), (out_of.shape[1], out_of.shape[0])

    def code_of(self, features: Tensor, x: Tensor) -> Tensor:
        code: Tensor = self.encoder_layers[-1](features)
        return code

    def encode(self, x: Tensor) -> Tensor:
        return self.code_of(self.features(x), x)

    def decode(self, code: Tensor) -> Tensor:
        first, *convolutions = self._decoder()
        x = affine(code, *first)
        x = self.activation(x + self.decoder_shift() if self.given_size else x).unflatten(-1, self.inner_shape)
        for depth, (weight, bias) in enumerate(convolutions):
            x = double(x, weight, bias, self.sizes[-2 - depth])
            if depth < len(convolutions) - 1:
                x = self.activation(x)
        return x.flatten(-3)

    def code_weights(self) -> Tensor | None:
        return self._decoder()[0][0]

    def _decoder(self) -> list[tuple[Tensor, Tensor]]:
        if not self.tied:
            return [(layer.weight, layer.bias) for layer in self.decoder_layers]
        *convolutions, last = self.encoder_layers
        weights = [last.weight.mT, *(layer.weight for layer in reversed(convolutions))]
        return list(zip(weights, self.decoder_biases, strict=True))

    def jacobian_cost(self) -> float:
        # one vector-Jacobian product a code value, each about a forward and a backward pass of the encoder
        return 1 + self.code_size

    def multiplications(self) -> int:
        places = [height * width for height, width in self.sizes[1:]]
        *convolutions, last = self.encoder_layers
        convolved = sum(n * layer.weight.numel() for n, layer in zip(places, convolutions, strict=True))
        return 2 * (convolved + last.weight.numel())

    def filters(self) -> Tensor | None:
        return self.encoder_layers[0].weight.detach()
