"""Transformer over symbols whose code is a vector for each of them: no bottleneck, as translators have it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from aelab.networks.layers import Affine
from aelab.networks.transformer import Transformer
from aelab.objectives.symbols import PADDING


class Seq2Seq(Transformer):
    """Encoder and decoder of Vaswani et al. (2017), the norm before each part: the decoder attends to what the encoder
    gives at every position. The code is all of that, ``positions * width`` values, 0 where there is padding; nothing
    but a corruption keeps an autoencoder from copying its input.

    ``width``, ``layers``, ``heads``, ``symbols``, ``word_dropout``: see Transformer.
    """

    def __init__(
        self,
        shape: Sequence[int],
        width: int = 64,
        layers: int = 2,
        heads: int = 4,
        symbols: int | None = None,
        word_dropout: float = 0.0,
    ) -> None:
        super().__init__(shape, max(1, math.prod(shape) * width), width, layers, heads, 1, symbols, word_dropout)
        del self.asking, self.asked
        self.encoder_layers = nn.ModuleList([Affine(width, width)])
        self.decoder_layers = nn.ModuleList([Affine(width, width), self.decoder_layers[-1]])

    def draw_parameters(self) -> None:
        nn.init.normal_(self.places, std=0.02)

    @property
    def features_size(self) -> int:
        return self.code_size

    def features(self, x: Tensor) -> Tensor:
        return self._spread(self.read(x), x)

    def code_of(self, features: Tensor, x: Tensor) -> Tensor:
        read = features.unflatten(-1, (self.positions, self.width))[:, : x.shape[-1]]
        return self._spread(self.encoder_layers[0](read), x)

    def _spread(self, vectors: Tensor, x: Tensor) -> Tensor:
        """Vectors ``[B, T, W]`` side by side, 0 where there is padding, ``[B, positions * W]``."""
        vectors = vectors * (x != PADDING).unsqueeze(-1)
        return F.pad(vectors, (0, 0, 0, self.positions - x.shape[-1])).flatten(-2)

    def memory(self, code: Tensor) -> tuple[Tensor, Tensor | None]:
        vectors = code.unflatten(-1, (self.positions, self.width))
        seen = (vectors != 0).any(-1)
        if code.device.type == "cpu":  # behind the longest there is nothing to attend to
            longest = max(1, int((seen.any(0) * seen.new_ones(self.positions).cumsum(0)).max()))
            vectors = vectors[:, :longest]
            seen = seen[:, :longest]
        seen = seen | ~seen.any(-1, keepdim=True)  # of a code of zeros something has to be read
        return self.decoder_layers[0](vectors), seen[:, None, None, :]
