"""Fully connected autoencoder: widths decrease to the code and increase again."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from aelab.networks.activations import activation as named_activation
from aelab.networks.layers import Affine, affine
from aelab.networks.network import Linearization, Network


class MLP(Network):
    """Encoder ``D -> hidden -> code``, decoder mirrored; code and output are linear.

    ``hidden``: widths, outermost first; none gives the linear autoencoder, PCA's equal (Baldi & Hornik 1989).
    ``tied``: the decoder's weights are the encoder's, transposed; it keeps biases of its own.
    ``output_activation``: of the decoder's output, for the squared error of values that all lie in its range; None:
    identity.
    """

    is_chain = True
    conditional = True

    def __init__(
        self,
        shape: Sequence[int],
        code_size: int,
        hidden: Sequence[int] = (),
        activation: str = "relu",
        tied: bool = False,
        output_activation: str | None = None,
    ) -> None:
        super().__init__(shape, code_size, hidden, tied)
        self.activation = named_activation(activation)
        self.output_activation = named_activation(output_activation or "identity", "network.output_activation")
        sizes = [self.input_size, *self.hidden, code_size]
        self.encoder_layers = nn.ModuleList(Affine(m, n) for m, n in pairwise(sizes))
        self.decoder_layers = nn.ModuleList() if tied else nn.ModuleList(Affine(m, n) for m, n in pairwise(sizes[::-1]))
        self.decoder_biases = nn.ParameterList(torch.zeros(n) for n in sizes[-2::-1]) if tied else nn.ParameterList()

    def features(self, x: Tensor) -> Tensor:
        shift = self.encoder_shift() if self.given_size and self.hidden else None
        for layer in self.encoder_layers[:-1]:
            z = layer(x)
            x = self.activation(z if shift is None else z + shift)
            shift = None
        return x

    def _with_given(self, z: Tensor) -> Tensor:
        return z + self.encoder_shift() if self.given_size else z

    def given_widths(self) -> tuple[tuple[int, int], tuple[int, int]]:
        into = self.encoder_layers[0].weight
        out_of = self._decoder()[0][0]
        return (into.shape[1], into.shape[0]), (out_of.shape[1], out_of.shape[0])

    def code_of(self, features: Tensor, x: Tensor) -> Tensor:
        code: Tensor = self.encoder_layers[-1](features)
        return code if self.hidden else self._with_given(code)

    def encode(self, x: Tensor) -> Tensor:
        return self.code_of(self.features(x), x)

    def decode(self, code: Tensor) -> Tensor:
        *hidden, last = self._decoder()
        shift = self.decoder_shift() if self.given_size else None
        for weight, bias in hidden:
            z = affine(code, weight, bias)
            code = self.activation(z if shift is None else z + shift)
            shift = None
        z = affine(code, *last)
        return self.output_activation(z if shift is None else z + shift)

    def code_weights(self) -> Tensor | None:
        return self._decoder()[0][0]

    def _decoder(self) -> list[tuple[Tensor, Tensor]]:
        if self.tied:
            weights = [layer.weight.mT for layer in reversed(self.encoder_layers)]
            return list(zip(weights, self.decoder_biases, strict=True))
        return [(layer.weight, layer.bias) for layer in self.decoder_layers]

    def linearize(self, x: Tensor) -> Linearization | None:
        slopes: list[Tensor] = []
        *hidden, last = self.encoder_layers
        for layer in hidden:
            z = layer(x)
            z = z if slopes else self._with_given(z)
            x = self.activation(z)
            slopes.append(self.activation.slope(z, x))
        code = last(x)
        return Linearization(
            code if hidden else self._with_given(code), [layer.weight for layer in self.encoder_layers], slopes
        )

    def jacobian_cost(self) -> float:
        sizes = [self.input_size, *self.hidden, self.code_size]
        if len(sizes) == 2:
            return 1.14
        chain = self.code_size * sum(m * n for m, n in pairwise(sizes[:-1]))
        return 1 + chain / (2 * sum(m * n for m, n in pairwise(sizes)))

    def multiplications(self) -> int:
        return 2 * sum(m * n for m, n in pairwise([self.input_size, *self.hidden, self.code_size]))

    def filters(self) -> Tensor | None:
        return self.encoder_layers[0].weight.detach().unflatten(-1, self.shape)
