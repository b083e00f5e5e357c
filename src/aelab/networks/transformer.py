"""Transformer over symbols whose code is a fixed number of values: a few learned queries read the sequence."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aelab.errors import UserError
from aelab.networks.generation import State
from aelab.networks.layers import Affine
from aelab.networks.sequence import SequenceNetwork
from aelab.objectives.symbols import PADDING


class Transformer(SequenceNetwork):
    """Blocks of attention, the norm before each part, and learned positions (Vaswani et al. 2017; Xiong et al. 2020).
    ``queries`` learned vectors attend to what the encoder gives, and one layer makes the code of them; another makes as
    many vectors of the code, which the decoder attends to.

    ``width``: of every vector. ``layers``: blocks of the encoder, and of the decoder. ``heads``: of attention.
    ``symbols``, ``word_dropout``: see SequenceNetwork.
    """

    def __init__(
        self,
        shape: Sequence[int],
        code_size: int,
        width: int = 64,
        layers: int = 2,
        heads: int = 4,
        queries: int = 8,
        symbols: int | None = None,
        word_dropout: float = 0.0,
    ) -> None:
        super().__init__(shape, code_size, (width,) * layers, symbols, word_dropout)
        for key, value in {"layers": layers, "heads": heads, "queries": queries}.items():
            if value < 1:
                raise UserError(f"network.{key}={value}: must be at least 1")
        if width % heads:
            fix = -(-width // heads) * heads
            raise UserError(f"network.width={width}: {heads} heads cannot share that; use network.width={fix}")
        self.width = width
        self.queries = queries
        self.table = nn.Embedding(self.symbols, width)
        self.places = nn.Parameter(torch.randn(2, self.positions, width) * 0.02)  # of the encoder and of the decoder
        self.asking = nn.Parameter(torch.randn(queries, width) * width**-0.5)
        self.readers = nn.ModuleList(Block(width, heads, False) for _ in range(layers))
        self.asked = Attention(width, heads)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.writers = nn.ModuleList(Block(width, heads, True) for _ in range(layers))
        self.encoder_layers = nn.ModuleList([Affine(queries * width, code_size)])
        self.decoder_layers = nn.ModuleList([Affine(code_size, queries * width), Affine(width, self.symbols)])
        self.decoder_biases = nn.ParameterList()

    def draw_parameters(self) -> None:
        nn.init.normal_(self.places, std=0.02)
        nn.init.normal_(self.asking, std=self.width**-0.5)

    def read(self, x: Tensor) -> Tensor:
        """What the encoder gives at every position of sequences ``[B, T]``, ``[B, T, W]``."""
        x = x.long()
        sequence = self.table(x) + self.places[0, : x.shape[-1]]
        for block in self.readers:
            sequence = block(sequence, self._seen(x))
        found: Tensor = self.norms[0](sequence)
        return found

    @staticmethod
    def _seen(x: Tensor) -> Tensor:
        seen = (x != PADDING)[:, None, None, :]
        return seen | ~seen.any(-1, keepdim=True)  # of nothing but padding something has to be read

    def features(self, x: Tensor) -> Tensor:
        memory = self.read(x)
        asking = self.asking.expand(len(x), -1, -1)
        found: Tensor = self.norms[1](asking + self.asked(asking, memory, self._seen(x)))
        return found.flatten(-2)

    def begin(self, code: Tensor) -> State:
        memory, seen = self.memory(code)
        nothing = memory.new_empty(len(code), 0, self.width)
        mask = torch.ones(len(code), 0, device=code.device) if seen is None else seen
        return (memory, mask, *(nothing for _ in self.writers))

    def step(self, symbols: Tensor, state: State) -> tuple[Tensor, State]:
        memory, mask, *past = state  # of every block its inputs so far, which the next symbol attends to
        seen = mask if mask.shape[-1] else None
        place = past[0].shape[1]
        sequence = (self.table(symbols) + self.places[1, place]).unsqueeze(1)
        grown = []
        for block, before in zip(self.writers, past, strict=True):
            grown.append(torch.cat([before, sequence], 1))
            sequence = block(sequence, None, memory, seen, grown[-1])
        return self._logits(sequence).squeeze(1), (memory, mask, *grown)

    def logits(self, code: Tensor, past: Tensor) -> Tensor:
        memory, seen = self.memory(code)
        length = past.shape[-1]
        before = torch.ones(length, length, dtype=torch.bool, device=past.device).tril()
        sequence = self.table(past) + self.places[1, :length]
        for block in self.writers:
            sequence = block(sequence, before, memory, seen)
        return self._logits(sequence)

    def memory(self, code: Tensor) -> tuple[Tensor, Tensor | None]:
        """The vectors ``[B, S, W]`` that the decoder attends to, and which of them it may, None for all."""
        found: Tensor = self.decoder_layers[0](code)
        return found.unflatten(-1, (self.queries, self.width)), None

    def _logits(self, sequence: Tensor) -> Tensor:
        found: Tensor = self.decoder_layers[1](self.norms[2](sequence).flatten(0, 1))
        return found.unflatten(0, sequence.shape[:2])

    def jacobian_cost(self) -> float:
        return 1.0 + self.code_size

    def multiplications(self) -> int:
        return self.positions * sum(parameter.numel() for parameter in self.parameters())


class Attention(nn.Module):
    """Multi-head attention of vectors ``[B, T, W]`` to others ``[B, S, W]``; ``seen``: which may be, bool."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.asks, self.keys, self.values, self.out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x: Tensor, others: Tensor, seen: Tensor | None) -> Tensor:
        parts = (self.asks(x), self.keys(others), self.values(others))
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
        found: Tensor = self.out(F.scaled_dot_product_attention(q, k, v, seen).transpose(1, 2).flatten(-2))
        return found


class Block(nn.Module):
    """Attention to the own sequence, of a decoder to the code's vectors too, and two layers, added to their input."""

    def __init__(self, width: int, heads: int, is_decoder: bool) -> None:
        super().__init__()
        self.own = Attention(width, heads)
        self.code = Attention(width, heads) if is_decoder else None
        self.layers = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3 if is_decoder else 2))

    def forward(
        self,
        x: Tensor,
        seen: Tensor | None,
        memory: Tensor | None = None,
        allowed: Tensor | None = None,
        sequence: Tensor | None = None,
    ) -> Tensor:
        """``seen``, ``allowed``: of the own sequence and of the memory what may be attended to. ``sequence``: the whole
        one, where x is but its last vector."""
        others = self.norms[0](x if sequence is None else sequence)
        x = x + self.own(others[:, -x.shape[1] :], others, seen)
        if self.code is not None and memory is not None:
            x = x + self.code(self.norms[1](x), memory, allowed)
        found: Tensor = x + self.layers(self.norms[-1](x))
        return found
