"""Recurrent autoencoder for windows of signals: LSTMs read points from both sides, and LSTMs give them back."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from aelab.errors import UserError
from aelab.networks.layers import Affine
from aelab.networks.network import Network


class RecurrentNumbers(Network):
    """A bidirectional LSTM over the points of a window ``[channels, time]``, whose last states make the code; an LSTM
    that is shown the code at every step, and begins with it as its state, gives the points (Srivastava et al. 2015,
    Malhotra et al. 2016, without the points before as its input: what is trained is what is measured).

    ``hidden``: widths of the layers, first layer first; each direction of the encoder has half of a width.
    ``embedding``: values that the channels of a point become first, by an affine layer.
    """

    stackable = (
        False  # measured of symbols: a stack of recurrent networks costs a replica as much as one alone, or more
    )

    def __init__(
        self, shape: Sequence[int], code_size: int, hidden: Sequence[int], embedding: int, word_dropout: float
    ) -> None:
        super().__init__(shape, code_size, hidden, tied=False)
        check_widths(hidden)
        if word_dropout:
            raise UserError(
                f"network.word_dropout={word_dropout}: the points before are not shown to this decoder, so none can be "
                "hidden; leave it out"
            )
        channels = self.shape[0]
        self.embed = Affine(channels, embedding)
        self.readers = nn.ModuleList(
            nn.LSTM(m, n // 2, batch_first=True, bidirectional=True) for m, n in pairwise([embedding, *hidden])
        )
        self.encoder_layers = nn.ModuleList([Affine(hidden[-1], code_size)])
        self.writers = nn.ModuleList(nn.LSTM(m, n, batch_first=True) for m, n in pairwise([code_size, *hidden]))
        self.decoder_layers = nn.ModuleList([*(Affine(code_size, n) for n in hidden), Affine(hidden[-1], channels)])
        self.decoder_biases = nn.ParameterList()

    def features(self, x: Tensor) -> Tensor:
        sequence = self.embed(x.unflatten(-1, self.shape).mT)
        for reader in self.readers:
            sequence, (last, _) = reader(sequence)
        return torch.cat([last[0], last[1]], -1)

    def code_of(self, features: Tensor, x: Tensor) -> Tensor:
        code: Tensor = self.encoder_layers[-1](features)
        return code

    def encode(self, x: Tensor) -> Tensor:
        return self.code_of(self.features(x), x)

    def decode(self, code: Tensor) -> Tensor:
        *starts, last = self.decoder_layers
        sequence = code.unsqueeze(-2).expand(-1, self.shape[1], -1)
        for start, writer in zip(starts, self.writers, strict=True):
            state = start(code).tanh().unsqueeze(0)
            sequence, _ = writer(sequence, (state, torch.zeros_like(state)))
        return last(sequence.flatten(0, 1)).unflatten(0, sequence.shape[:2]).mT.flatten(-2)

    def jacobian_cost(self) -> float:
        return 1.0 + self.code_size

    def multiplications(self) -> int:
        return self.shape[1] * sum(parameter.numel() for parameter in self.parameters())


def check_widths(hidden: Sequence[int]) -> None:
    """UserError for widths that two directions cannot share."""
    if not hidden or any(width % 2 for width in hidden):
        raise UserError(f"network.hidden={list(hidden)}: a width for each layer, even, since two directions share it")
