"""Recurrent sequence autoencoder: LSTMs that read symbols from both sides, and LSTMs that write them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from aelab.networks.generation import State
from aelab.networks.layers import Affine
from aelab.networks.network import Network
from aelab.networks.recurrent_numbers import RecurrentNumbers, check_widths
from aelab.networks.sequence import SequenceNetwork, at_last
from aelab.objectives.symbols import lengths


class Recurrent(SequenceNetwork):
    """A bidirectional LSTM whose last states make the code; an LSTM that is shown the code at every step, and begins
    with it as its state, gives the logits (Sutskever et al. 2014; Bowman et al. 2016; Gomez-Bombarelli et al. 2018).

    ``hidden``: widths of the layers, first layer first; each direction of the encoder has half of a width.
    ``embedding``: values that stand for a symbol. ``symbols``, ``word_dropout``: see SequenceNetwork.

    Of windows ``[channels, time]`` of signals, which have no symbols, it is a ``RecurrentNumbers``.
    """

    def __new__(  # type: ignore[misc]  # a network of another class has its own __init__
        cls,
        shape: Sequence[int] = (),
        code_size: int = 0,
        hidden: Sequence[int] = (192,),
        embedding: int = 32,
        symbols: int | None = None,
        word_dropout: float = 0.0,
    ) -> Network:
        if cls is Recurrent and symbols is None and len(shape) == 2:
            return RecurrentNumbers(shape, code_size, hidden, embedding, word_dropout)
        return super().__new__(cls)

    def __init__(
        self,
        shape: Sequence[int],
        code_size: int,
        hidden: Sequence[int] = (192,),
        embedding: int = 32,
        symbols: int | None = None,
        word_dropout: float = 0.0,
    ) -> None:
        super().__init__(shape, code_size, hidden, symbols, word_dropout)
        check_widths(hidden)
        self.table = nn.Embedding(self.symbols, embedding)
        sizes = list(pairwise([embedding, *hidden]))
        self.forwards = nn.ModuleList(nn.LSTM(m, n // 2, batch_first=True) for m, n in sizes)
        self.backwards = nn.ModuleList(nn.LSTM(m, n // 2, batch_first=True) for m, n in sizes)
        self.encoder_layers = nn.ModuleList([Affine(hidden[-1], code_size)])
        sizes = list(pairwise([embedding + code_size, *hidden]))
        self.writers = nn.ModuleList(nn.LSTM(m, n, batch_first=True) for m, n in sizes)
        starts = [Affine(code_size, n) for n in hidden]
        self.decoder_layers = nn.ModuleList([*starts, Affine(hidden[-1], self.symbols)])
        self.decoder_biases = nn.ParameterList()

    def features(self, x: Tensor) -> Tensor:
        x = x.long()
        length = lengths(x).clamp_min(1)
        places = torch.arange(x.shape[-1], device=x.device)
        turned = (length.unsqueeze(-1) - 1 - places).abs()  # symbols last to first; behind them it does not matter
        sequence = self.table(x)
        last = []
        for ahead, back in zip(self.forwards, self.backwards, strict=True):
            one = ahead(sequence)[0]
            other = back(_in_order(sequence, turned))[0]
            last = [at_last(one, length), at_last(other, length)]
            sequence = torch.cat([one, _in_order(other, turned)], -1)
        return torch.cat(last, -1)

    def begin(self, code: Tensor) -> State:
        states = [start(code).tanh() for start in self.decoder_layers[:-1]]
        return (code, *states, *map(torch.zeros_like, states))

    def step(self, symbols: Tensor, state: State) -> tuple[Tensor, State]:
        logits, state = self._written(symbols.unsqueeze(-1), state)
        return logits.squeeze(1), state

    def logits(self, code: Tensor, past: Tensor) -> Tensor:
        return self._written(past, self.begin(code))[0]

    def _written(self, past: Tensor, state: State) -> tuple[Tensor, State]:
        code, *states = state
        ends: list[tuple[Tensor, Tensor]] = []
        sequence = torch.cat([self.table(past), code.unsqueeze(1).expand(-1, past.shape[1], -1)], -1)
        depth = len(self.writers)
        for writer, h, c in zip(self.writers, states[:depth], states[depth:], strict=True):
            sequence, (h, c) = writer(sequence, (h.unsqueeze(0), c.unsqueeze(0)))
            ends.append((h.squeeze(0), c.squeeze(0)))
        logits: Tensor = self.decoder_layers[-1](sequence.flatten(0, 1)).unflatten(0, past.shape)
        return logits, (code, *(h for h, _ in ends), *(c for _, c in ends))

    def jacobian_cost(self) -> float:
        return 1.0 + self.code_size

    def multiplications(self) -> int:
        return self.positions * sum(parameter.numel() for parameter in self.parameters())


def _in_order(sequence: Tensor, places: Tensor) -> Tensor:
    """``[B, T, W]`` with its positions in the order of ``places`` ``[B, T]``."""
    return sequence.gather(1, places.unsqueeze(-1).expand(-1, -1, sequence.shape[-1]))
