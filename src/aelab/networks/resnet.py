"""Residual convolutional autoencoder of pictures, whose code is a vector or a map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from aelab.errors import UserError
from aelab.networks.activations import activation as named_activation
from aelab.networks.layers import Affine, Convolution, Placewise
from aelab.networks.network import Network
from aelab.networks.residual import Attention, GroupNorm, Half, Residual, Twice, by_channel, by_place

LARGEST = 256  # of a side, pixels
MOST_PLACES = 1024  # that attention compares with one another


class ResNet(Network):
    """Residual blocks at falling resolution, as in the autoencoders of Esser et al. 2021 and Rombach et al. 2022.

    ``widths``: channels at each resolution, outermost first; between two of them height and width are halved.
    ``blocks``: residual blocks at each. ``attention``: self-attention at the lowest resolution. The decoder mirrors
    the encoder. ``code_size``: values of a code, or with ``code_map`` of each of its h x w places, h and w those of
    the lowest resolution; the code is then a map ``[code_size, h, w]``, flat with the values of a place side by side.
    ``output_activation``: of the decoder's output, for the squared error of values that all lie in its range.
    ``recompute``: layers are computed again on the way back instead of kept, for less memory and a third more time.

    UserError for pictures that cannot be halved so often, or are larger than 256 pixels a side.
    """

    conditional = True

    def __init__(
        self,
        shape: Sequence[int],
        code_size: int,
        widths: Sequence[int] = (16, 32, 64),
        blocks: int = 1,
        attention: bool = True,
        activation: str = "silu",
        code_map: bool | None = False,
        output_activation: str | None = None,
        recompute: bool = False,
    ) -> None:
        _check(shape, widths, blocks, attention)
        height, width = (side >> (len(widths) - 1) for side in shape[1:])
        self.code_places = height * width if code_map else 1
        super().__init__(shape, code_size * self.code_places, widths, tied=False)
        self.code_shape = (code_size, height, width) if code_map else None
        self.lowest = (widths[-1], height, width)
        self.activation = named_activation(activation)
        self.recompute = recompute
        self.output_activation = named_activation(output_activation or "identity", "network.output_activation")
        places = height * width
        inner = widths[-1]
        self.encoder = nn.ModuleList([Convolution(shape[0], widths[0])])
        for level, (before, channels) in enumerate(pairwise([widths[0], *widths])):
            self.encoder.extend([Half(before, before)] if level else [])
            self.encoder.extend(self._level(before, channels, blocks))
        self.encoder.extend([Attention(inner, places)] if attention else [])
        self.encoder.append(GroupNorm(inner))
        self.to_code = self.head()
        self.from_code = Placewise(code_size, inner, places) if code_map else Affine(code_size, inner * places)
        self.decoder = nn.ModuleList([Attention(inner, places)] if attention else [])
        for level, (before, channels) in enumerate(pairwise([inner, *widths[::-1]])):
            self.decoder.extend([Twice(before, before)] if level else [])
            self.decoder.extend(self._level(before, channels, blocks))
        self.decoder.append(GroupNorm(widths[0]))
        self.to_pixels = Convolution(widths[0], shape[0])
        self.decoder_biases = nn.ParameterList()

    def _level(self, inputs: int, outputs: int, blocks: int) -> list[Residual]:
        return [Residual(outputs if block else inputs, outputs, self.activation) for block in range(blocks)]

    def head(self) -> Affine:
        channels, height, width = self.lowest
        if self.code_shape is None:
            return Affine(channels * height * width, self.code_size)
        return Placewise(channels, self.code_shape[0], self.code_places)

    @classmethod
    def places_of_code(cls, settings: Mapping[str, Any], shape: Sequence[int]) -> int:
        widths = settings["widths"]
        _check(shape, widths, settings["blocks"], settings["attention"])
        return (shape[1] >> (len(widths) - 1)) * (shape[2] >> (len(widths) - 1)) if settings["code_map"] else 1

    @property
    def encoder_layers(self) -> nn.ModuleList:
        return nn.ModuleList([*_weighted(self.encoder), self.to_code])

    @property
    def decoder_layers(self) -> nn.ModuleList:
        return nn.ModuleList([self.from_code, *_weighted(self.decoder), self.to_pixels])

    @property
    def encoder_norms(self) -> Sequence[Any]:
        return [module for module in self.encoder.modules() if isinstance(module, GroupNorm)]

    @property
    def decoder_norms(self) -> Sequence[Any]:
        return [module for module in self.decoder.modules() if isinstance(module, GroupNorm)]

    def features(self, x: Tensor) -> Tensor:
        x = x.unflatten(-1, self.shape)
        for depth, layer in enumerate(self.encoder):
            x = self._through(layer, x)
            if self.given_size and not depth:
                x = x + self.encoder_shift()[..., None, None]
        return by_place(self.activation(x))

    def given_widths(self) -> tuple[tuple[int, int], tuple[int, int]]:
        into: Tensor = self.encoder_layers[0].weight  # type: ignore[assignment]
        out_of = self.from_code.weight
        return (into[0].numel(), len(into)), (out_of.shape[1], self.lowest[0])

    def _through(self, layer: nn.Module, x: Tensor) -> Tensor:
        if self.recompute and torch.is_grad_enabled():
            again: Tensor = checkpoint(layer, x, use_reentrant=False)
            return again
        found: Tensor = layer(x)
        return found

    def code_of(self, features: Tensor, x: Tensor) -> Tensor:
        code: Tensor = self.to_code(features)
        return code

    def encode(self, x: Tensor) -> Tensor:
        return self.code_of(self.features(x), x)

    def decode(self, code: Tensor) -> Tensor:
        x = by_channel(self.from_code(code), self.lowest)
        if self.given_size:
            x = x + self.decoder_shift()[..., None, None]
        for layer in self.decoder:
            x = self._through(layer, x)
        return self.output_activation(self.to_pixels(self.activation(x)).flatten(-3))

    def code_weights(self) -> Tensor | None:
        return self.from_code.weight if self.code_shape is None else None

    def jacobian_cost(self) -> float:
        # one vector-Jacobian product a code value, each about a forward and a backward pass of the encoder
        return 1 + self.code_size

    def multiplications(self) -> int:
        _, height, width = self.shape
        lowest = self.lowest[1] * self.lowest[2]
        total = height * width * self.to_pixels.weight.numel()
        for end in (self.to_code, self.from_code):
            total += end.weight.numel() * (self.code_places if self.code_shape else 1)
        for side in (self.encoder, self.decoder):
            pixels = height * width if side is self.encoder else lowest
            for layer in side:
                pixels = pixels // 4 if isinstance(layer, Half) else pixels * 4 if isinstance(layer, Twice) else pixels
                total += pixels * sum(one.weight.numel() for one in _weighted(layer))
                total += 2 * pixels**2 * layer.channels if isinstance(layer, Attention) else 0
        return total

    def filters(self) -> Tensor | None:
        return self.encoder[0].weight.detach()  # type: ignore[operator]


def _weighted(part: nn.Module) -> list[Any]:
    """The layers with weights between units."""
    return [module for module in part.modules() if isinstance(module, Affine | Convolution)]


def _check(shape: Sequence[int], widths: Sequence[int], blocks: int, attention: bool) -> None:
    if len(shape) != 3:
        raise UserError(
            f"network=resnet: needs images [channels, height, width] but an example has shape {list(shape)}; use "
            "network=mlp"
        )
    if not widths or min(widths) < 1 or blocks < 1:
        raise UserError(
            f"network.widths={list(widths)} network.blocks={blocks}: needs at least one width, and widths and blocks "
            "of 1 or more"
        )
    times = len(widths) - 1
    unit = 2**times
    size = f"{shape[1]} x {shape[2]}"
    if max(shape[1:]) > LARGEST:
        raise UserError(
            f"network=resnet: pictures of {size} pixels, and {LARGEST} a side are the most; scale them down"
        )
    if any(side % unit for side in shape[1:]):
        near = sorted({max(unit, side // unit * unit + more) for side in shape[1:] for more in (0, unit)})
        fewer = next(count for count in range(times, 0, -1) if not any(side % 2 ** (count - 1) for side in shape[1:]))
        raise UserError(
            f"network.widths={list(widths)}: pictures of {size} pixels cannot be halved {times} times; sides that can "
            f"are multiples of {unit}, like {' and '.join(map(str, near))}; or use {fewer} width{'s' * (fewer > 1)}, "
            f"network.widths=[{','.join(map(str, widths[:fewer]))}]"
        )
    places = (shape[1] // unit) * (shape[2] // unit)
    if attention and places > MOST_PLACES:
        raise UserError(
            f"network.attention=true network.widths={list(widths)}: compares all {places} places of the lowest "
            f"resolution with one another, and {MOST_PLACES} are the most; add widths, or use network.attention=false"
        )
