"""Fully connected autoencoder of symbols: the cheap one that has no order of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional as F

from aelab.networks.mlp import MLP
from aelab.networks.network import Linearization
from aelab.networks.sequence import known_symbols


class OneHotMLP(MLP):
    """An MLP over indicators of the symbol at each position, ``[T * V]`` values; its decoder gives the logits of all
    positions at once, so that no symbol knows which ones stand before it.

    ``hidden``, ``activation``: see MLP. ``symbols``: V, of the vocabulary; null: as many as the data have.
    """

    event = 1
    is_chain = False
    conditional = False

    def __init__(
        self,
        shape: Sequence[int],
        code_size: int,
        hidden: Sequence[int] = (256,),
        activation: str = "relu",
        symbols: int | None = None,
    ) -> None:
        known = known_symbols(symbols)
        positions = math.prod(shape)
        super().__init__((positions, known), code_size, hidden, activation)
        self.symbols = known
        self.shape = tuple(shape)
        self.input_size = positions

    def features(self, x: Tensor) -> Tensor:
        indicators = F.one_hot(x.long(), self.symbols).flatten(-2)
        return super().features(indicators.to(self.encoder_layers[0].weight))

    def decode(self, code: Tensor) -> Tensor:
        return super().decode(code).unflatten(-1, (self.input_size, self.symbols))

    def linearize(self, x: Tensor) -> Linearization | None:
        return None

    def multiplications(self) -> int:
        return sum(layer.weight.numel() for layer in (*self.encoder_layers, *self.decoder_layers))

    def filters(self) -> Tensor | None:
        return None
