"""What networks over symbols share: a decoder that is shown the symbols before the one it gives."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from aelab.errors import UserError
from aelab.networks.generation import State, write
from aelab.networks.network import Network
from aelab.objectives.randomness import Generators, uniform
from aelab.objectives.symbols import BEGIN, PADDING, UNKNOWN, cut


class SequenceNetwork(Network):
    """Base of networks over sequences of symbols ``[B, T]`` (see objectives/symbols.py) whose decoder writes one symbol
    after the other: trained and measured with the true symbols before each (teacher forcing), decoding with its own.

    ``symbols``: V, of the vocabulary; null: as many as the data have. ``word_dropout``: share of the symbols before
    that are hidden from the decoder in training, so that it needs the code (Bowman et al. 2016).

    Padding changes nothing: whatever follows the symbol that ends a sequence is neither read nor counted.
    """

    stackable = False  # measured: a stack of recurrent networks costs a replica as much as one alone, or more
    event = 1

    def __init__(
        self, shape: Sequence[int], code_size: int, hidden: Sequence[int], symbols: int | None, word_dropout: float
    ) -> None:
        super().__init__(shape, code_size, hidden, tied=False)
        self.symbols = known_symbols(symbols)
        if not 0 <= word_dropout < 1:
            raise UserError(f"network.word_dropout={word_dropout}: must be a share from 0 to below 1")
        self.word_dropout = word_dropout
        self.positions = self.input_size

    def begin(self, code: Tensor) -> State:
        """The decoder's state before the first symbol, for codes ``[B, H]``."""
        raise NotImplementedError

    def step(self, symbols: Tensor, state: State) -> tuple[Tensor, State]:
        """Logits ``[B, V]`` of what follows ``symbols`` ``[B]``, and the state behind them."""
        raise NotImplementedError

    def logits(self, code: Tensor, past: Tensor) -> Tensor:
        """Logits ``[B, T, V]`` of what follows each symbol of ``past`` ``[B, T]``."""
        raise NotImplementedError

    def draw_parameters(self) -> None:
        """Draw anew, in place, the parameters that belong to none of PyTorch's layers; none do by default."""

    def cut(self, x: Tensor) -> Tensor:
        return cut(x)

    def code_of(self, features: Tensor, x: Tensor) -> Tensor:
        code: Tensor = self.encoder_layers[-1](features)
        return code

    def encode(self, x: Tensor) -> Tensor:
        return self.code_of(self.features(x), x)

    def decode(self, code: Tensor) -> Tensor:
        """The logits ``[B, T, V]`` by which the likeliest symbol was chosen each time; behind the end padding is
        sure."""
        return write(self, code)[1]

    def decode_towards(self, code: Tensor, target: Tensor, generator: Generators = None) -> Tensor:
        past = F.pad(target.long(), (1, 0), value=BEGIN)[..., :-1]
        if self.training and self.word_dropout:
            hidden = uniform(code.new_empty(past.shape), generator) < self.word_dropout
            past = past.masked_fill(hidden & (past != BEGIN) & (past != PADDING), UNKNOWN)
        return self.logits(code, past)


def known_symbols(symbols: int | None) -> int:
    """``network.symbols``; UserError where data that have symbols have not decided it."""
    if symbols is None:
        raise UserError("network.symbols=null: the data decide it, and these have no vocabulary; use data=smiles")
    if symbols < 5:
        raise UserError(f"network.symbols={symbols}: four have a meaning of their own; use network.symbols=null")
    return symbols


def at_last(sequence: Tensor, lengths: Tensor) -> Tensor:
    """Of ``[B, T, W]`` what stands at the last of so many positions ``[B]``, ``[B, W]``."""
    return sequence[torch.arange(len(sequence), device=sequence.device), lengths - 1]
