"""A network and a data set of symbols from outside the package: with ``AELAB_TRUSTED=symbol_parts``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor, nn
from torch.nn import functional as F

from aelab.data.module import DataModule
from aelab.data.source import Source
from aelab.networks.layers import Affine
from aelab.networks.network import Network

SYMBOLS = 4


class Letters(Network):
    """One layer each way over indicators of symbols; a logit for each of ``symbols``. It has none of the abilities."""

    event = 1

    def __init__(self, shape: Sequence[int], code_size: int, symbols: int = SYMBOLS) -> None:
        super().__init__(shape, code_size, (), tied=False)
        self.symbols = symbols
        self.encoder_layers = nn.ModuleList([Affine(self.input_size * symbols, code_size)])
        self.decoder_layers = nn.ModuleList([Affine(code_size, self.input_size * symbols)])
        self.decoder_biases = nn.ParameterList()

    def features(self, x: Tensor) -> Tensor:
        indicators = F.one_hot(x.long(), self.symbols).flatten(-2)
        return indicators.to(self.encoder_layers[0].weight)

    def encode(self, x: Tensor) -> Tensor:
        code: Tensor = self.encoder_layers[0](self.features(x))
        return code

    def decode(self, code: Tensor) -> Tensor:
        logits: Tensor = self.decoder_layers[0](code)
        return logits.unflatten(-1, (self.input_size, self.symbols))

    def jacobian_cost(self) -> float:
        return 1.0 + self.code_size

    def multiplications(self) -> int:
        return 2 * self.input_size * self.symbols * self.code_size


class LettersWithAtoms(Letters):
    """The same with the weights that leave the code."""

    def code_weights(self) -> Tensor:
        weights: Tensor = self.decoder_layers[0].weight
        return weights


class Words(DataModule):
    """Words of 2 to 6 symbols 1, 2, 3, whose symbols mostly repeat their first; 0 fills up. Labels: the first."""

    def read(self) -> Source:
        draw = np.random.default_rng(0)
        first = draw.integers(1, SYMBOLS, (400, 1))
        symbols = np.where(draw.random((400, 6)) < 0.8, first, draw.integers(1, SYMBOLS, (400, 6)))
        symbols[:, 0] = first[:, 0]
        symbols[np.arange(6) >= draw.integers(2, 7, (400, 1))] = 0
        return Source(symbols, first[:, 0], kind="symbols")
