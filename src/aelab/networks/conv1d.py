"""Convolutional autoencoder for windows of signals of any number of channels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from aelab.errors import UserError
from aelab.networks.activations import activation as named_activation
from aelab.networks.layers import Affine, affine
from aelab.networks.layers_in_time import ConvolutionInTime, longer, shorter
from aelab.networks.network import Network


class Conv1d(Network):
    """Strided convolutions in time over windows ``[channels, time]``, then one affine layer to the code.

    ``hidden``: channels, outermost first. ``kernel``: points that a value of a layer sees, odd. ``stride``: each layer
    leaves one of so many points, rounded up. The decoder mirrors the encoder with transposed convolutions.

    UserError for windows that are down to one point before the last layer.
    """

    def __init__(
        self,
        shape: Sequence[int],
        code_size: int,
        hidden: Sequence[int] = (16, 32),
        kernel: int = 5,
        stride: int = 2,
        activation: str = "relu",
    ) -> None:
        super().__init__(shape, code_size, hidden, tied=False)
        self.stride = stride
        self.lengths = _lengths(self.shape, self.hidden, kernel, stride)
        self.activation = named_activation(activation)
        channels = [self.shape[0], *self.hidden]
        self.inner_shape = (channels[-1], self.lengths[-1])
        inner = channels[-1] * self.lengths[-1]
        self.encoder_layers = nn.ModuleList(ConvolutionInTime(m, n, kernel) for m, n in pairwise(channels))
        self.encoder_layers.append(Affine(inner, code_size))
        self.decoder_layers = nn.ModuleList([Affine(code_size, inner)])
        self.decoder_layers.extend(ConvolutionInTime(n, m, kernel, bias=n) for m, n in pairwise(channels[::-1]))
        self.decoder_biases = nn.ParameterList()

    def features(self, x: Tensor) -> Tensor:
        x = x.unflatten(-1, self.shape)
        for layer in self.encoder_layers[:-1]:
            x = self.activation(shorter(x, layer.weight, layer.bias, self.stride))
        return x.flatten(-2)

    def code_of(self, features: Tensor, x: Tensor) -> Tensor:
        code: Tensor = self.encoder_layers[-1](features)
        return code

    def encode(self, x: Tensor) -> Tensor:
        return self.code_of(self.features(x), x)

    def decode(self, code: Tensor) -> Tensor:
        first, *convolutions = self.decoder_layers
        x = self.activation(affine(code, first.weight, first.bias)).unflatten(-1, self.inner_shape)
        for depth, layer in enumerate(convolutions):
            x = longer(x, layer.weight, layer.bias, self.stride, self.lengths[-2 - depth])
            if depth < len(convolutions) - 1:
                x = self.activation(x)
        return x.flatten(-2)

    def code_weights(self) -> Tensor | None:
        weight: Tensor = self.decoder_layers[0].weight
        return weight

    def jacobian_cost(self) -> float:
        # one vector-Jacobian product a code value, each about a forward and a backward pass of the encoder
        return 1 + self.code_size

    def multiplications(self) -> int:
        *convolutions, last = self.encoder_layers
        convolved = sum(n * layer.weight.numel() for n, layer in zip(self.lengths[1:], convolutions, strict=True))
        return 2 * (convolved + last.weight.numel())


def _lengths(shape: Sequence[int], hidden: Sequence[int], kernel: int, stride: int) -> list[int]:
    """Points before the first layer and behind each; UserError where the sizes do not fit."""
    if len(shape) != 2:
        raise UserError(
            f"network=conv1d: needs windows [channels, time], as data=windows gives, but an example has shape "
            f"{list(shape)}; use network={'conv' if len(shape) == 3 else 'mlp'}"
        )
    if not hidden:
        raise UserError("network.hidden=[]: network=conv1d needs at least one number of channels")
    if kernel < 1 or kernel % 2 == 0:
        raise UserError(f"network.kernel={kernel}: must be odd, like network.kernel={max(1, kernel) + 1 - kernel % 2}")
    if not 2 <= stride <= kernel:
        raise UserError(
            f"network.stride={stride} network.kernel={kernel}: a stride is from 2 to the kernel, so that every point "
            "is seen; use network.stride=2 network.kernel=5"
        )
    found = [shape[1]]
    for layer in range(len(hidden)):
        if found[-1] == 1:
            raise UserError(
                f"network.hidden={list(hidden)} network.stride={stride}: windows of {shape[1]} points are down to one "
                f"behind {layer} layer{'s' * (layer > 1)}; use network.hidden=[{','.join(map(str, hidden[:layer]))}], "
                f"or windows of {stride ** (len(hidden) - 1) + 1} points or more"
            )
        found.append(-(-found[-1] // stride))
    return found
