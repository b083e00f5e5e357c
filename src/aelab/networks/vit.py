"""Vision transformer autoencoder: pictures as patches, a code as what a transformer makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from aelab.errors import UserError
from aelab.networks.activations import activation as named_activation
from aelab.networks.layers import Affine
from aelab.networks.network import Network
from aelab.networks.transformer_layers import LayerNorm, TokenAffine, TransformerBlock


class ViT(Network):
    """Patches of ``patch`` x ``patch`` pixels as tokens of ``width`` values, ``blocks`` transformer blocks, the mean
    over tokens, and an affine layer to the code; the decoder gives the code to a token of each place and goes back
    (Dosovitskiy et al. 2021; He et al. 2022).

    ``heads``: of attention. Places are told by sines and cosines of row and column. ``visible``: the encoder takes
    tokens of some patches only, which ``model=masked`` with ``model.patch`` of the same size makes use of: what is
    hidden costs nothing.

    UserError where the picture is not whole patches, or the width not whole heads.
    """

    places: Tensor

    def __init__(
        self,
        shape: Sequence[int],
        code_size: int,
        patch: int = 4,
        width: int = 64,
        blocks: int = 2,
        heads: int = 4,
        activation: str = "gelu",
        output_activation: str | None = None,
    ) -> None:
        _check(shape, patch, width, blocks, heads)
        super().__init__(shape, code_size, [width] * blocks, tied=False)
        self.activation = named_activation(activation)
        self.output_activation = named_activation(output_activation or "identity", "network.output_activation")
        self.patch = patch
        self.grid = shape[1] // patch, shape[2] // patch
        values = shape[0] * patch**2
        self.register_buffer("places", places_of(self.grid, width), persistent=False)
        self.from_patch = TokenAffine(values, width)
        self.encoder = nn.ModuleList(TransformerBlock(width, heads, self.activation) for _ in range(blocks))
        self.encoded = LayerNorm(width)
        self.to_code = Affine(width, code_size)
        self.from_code = Affine(code_size, width)
        self.decoder = nn.ModuleList(TransformerBlock(width, heads, self.activation) for _ in range(blocks))
        self.decoded = LayerNorm(width)
        self.to_patch = TokenAffine(width, values)
        self.decoder_biases = nn.ParameterList()

    @property
    def encoder_layers(self) -> nn.ModuleList:
        return nn.ModuleList([self.from_patch, *_affine(self.encoder), self.to_code])

    @property
    def decoder_layers(self) -> nn.ModuleList:
        return nn.ModuleList([self.from_code, *_affine(self.decoder), self.to_patch])

    @property
    def encoder_norms(self) -> Sequence[Any]:
        return [module for module in (*self.encoder.modules(), self.encoded) if isinstance(module, LayerNorm)]

    @property
    def decoder_norms(self) -> Sequence[Any]:
        return [module for module in (*self.decoder.modules(), self.decoded) if isinstance(module, LayerNorm)]

    def tokens(self, x: Tensor) -> Tensor:
        """Pictures ``[..., B, D]`` as embedded patches with their places, ``[..., B, T, width]``."""
        down, across = self.grid
        pieces = x.unflatten(-1, (self.shape[0], down, self.patch, across, self.patch))
        order = (-4, -2, -5, -3, -1)  # places first
        ahead = range(x.ndim - 1)
        pieces = pieces.permute(*ahead, *(pieces.ndim + axis for axis in order)).flatten(-3).flatten(-3, -2)
        return self.from_patch(pieces) + self.places.unsqueeze(-3)

    def features(self, x: Tensor) -> Tensor:
        return self._features(self.tokens(x))

    def _features(self, tokens: Tensor) -> Tensor:
        for block in self.encoder:
            tokens = block(tokens)
        found: Tensor = self.encoded(tokens).mean(-2)
        return found

    def visible(self, x: Tensor, seen: Tensor) -> Tensor:
        """Codes ``[..., B, code_size]`` of the patches ``seen``, long ``[..., B, V]``, alone."""
        chosen = torch.take_along_dim(self.tokens(x), seen.unsqueeze(-1), -2)
        return self.code_of(self._features(chosen), x)

    def code_of(self, features: Tensor, x: Tensor) -> Tensor:
        code: Tensor = self.to_code(features)
        return code

    def encode(self, x: Tensor) -> Tensor:
        return self.code_of(self.features(x), x)

    def decode(self, code: Tensor) -> Tensor:
        tokens = self.from_code(code).unsqueeze(-2) + self.places.unsqueeze(-3)
        for block in self.decoder:
            tokens = block(tokens)
        pieces = self.to_patch(self.decoded(tokens))
        down, across = self.grid
        pieces = pieces.unflatten(-1, (self.shape[0], self.patch, self.patch)).unflatten(-4, (down, across))
        order = (-3, -5, -2, -4, -1)
        ahead = range(pieces.ndim - 5)
        whole = pieces.permute(*ahead, *(pieces.ndim + axis for axis in order)).flatten(-5)
        return self.output_activation(whole)

    def code_weights(self) -> Tensor | None:
        return self.from_code.weight

    def jacobian_cost(self) -> float:
        # one vector-Jacobian product a code value, each about a forward and a backward pass of the encoder
        return 1 + self.code_size

    def multiplications(self) -> int:
        tokens, width = self.places.shape[-2:]
        ends = 2 * self.to_code.weight.numel()
        blocks = [*_affine(self.encoder), *_affine(self.decoder), self.from_patch, self.to_patch]
        attended = 4 * len(self.encoder) * tokens**2 * width
        return ends + tokens * sum(layer.weight.numel() for layer in blocks) + attended

    def filters(self) -> Tensor | None:
        weight = self.from_patch.weight.detach()
        return weight.unflatten(-1, (self.shape[0], self.patch, self.patch))


def places_of(grid: tuple[int, int], width: int) -> Tensor:
    """Sines and cosines of rows and columns at falling frequencies, ``[T, width]``, row by row."""
    quarter = -(-width // 4)
    rates = 10_000 ** -(torch.arange(quarter) / quarter)
    down, across = (axis.flatten()[:, None] * rates for axis in torch.meshgrid(*map(torch.arange, grid), indexing="ij"))
    return torch.cat([down.sin(), down.cos(), across.sin(), across.cos()], 1)[:, :width]


def _affine(part: nn.Module) -> list[Any]:
    return [module for module in part.modules() if isinstance(module, Affine)]


def _check(shape: Sequence[int], patch: int, width: int, blocks: int, heads: int) -> None:
    if len(shape) != 3:
        raise UserError(
            f"network=vit: needs images [channels, height, width] but an example has shape {list(shape)}; use "
            "network=mlp"
        )
    if min(patch, width, blocks, heads) < 1:
        raise UserError(
            f"network.patch={patch} network.width={width} network.blocks={blocks} network.heads={heads}: must be 1 or "
            "more"
        )
    if width % heads:
        raise UserError(
            f"network.width={width} network.heads={heads}: a token is whole heads; use "
            f"network.width={-(-width // heads) * heads}"
        )
    if any(side % patch for side in shape[1:]):
        whole = [size for size in range(1, min(shape[1:]) + 1) if not any(side % size for side in shape[1:])]
        raise UserError(
            f"network.patch={patch}: pictures of {shape[1]} x {shape[2]} pixels are not whole patches; sizes that fit "
            f"are {', '.join(map(str, whole))}, like network.patch={min(whole, key=lambda size: abs(size - patch))}"
        )
