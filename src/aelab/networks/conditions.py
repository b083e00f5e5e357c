"""What a network is given beside the example: labels or covariates, for its encoder and its decoder alike."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from aelab.errors import UserError

ABLE = "network=mlp, linear, conv or resnet"


class GivenLayer(nn.Module):
    """``W g``: what given values ``[..., B, G]`` add to a layer's output, ``[..., B, outputs]``.

    With the layer's own weights it is one layer of the input and g side by side, and starts as that would: uniform,
    +- 1 / sqrt(``inputs`` + G).
    """

    def __init__(self, given: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, given))
        bound = 1 / math.sqrt(inputs + given)
        nn.init.uniform_(self.weight, -bound, bound)

    def forward(self, given: Tensor) -> Tensor:
        return given @ self.weight.mT


class _Held:
    """What is given of the batch under way; no tensor of the module's own, so that nothing copies or exports it."""

    def __init__(self) -> None:
        self.given: Tensor | None = None


class Conditional(nn.Module):
    """The part of a network that takes given values: its first layer and that of its decoder see them, too.

    ``conditional``: whether such a network can. ``given_size``: how many it takes; 0 until ``condition`` is called.
    The values of a batch are held while it is under way (``holding``): code that knows inputs and codes alone, as
    every variant's does, needs to know nothing of them.
    """

    conditional = False
    given_size = 0

    def given_widths(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """(inputs, outputs) of the layers of encoder and decoder that given values are added behind; of convolutions
        the outputs are channels, to every place of which the same is added."""
        raise NotImplementedError

    def condition(self, size: int) -> None:
        """Take ``size`` given values from now on. Raises UserError of a network that cannot."""
        if not size:
            return
        if not self.conditional:
            raise UserError(f"data.given: this network takes nothing beside an example; use {ABLE}")
        encoder, decoder = self.given_widths()
        self.given_size = size
        self.held = _Held()
        self.to_encoder = GivenLayer(size, *encoder)
        self.to_decoder = GivenLayer(size, *decoder)

    @property
    def given_layers(self) -> Sequence[nn.Module]:
        """The layers whose weights given values have, of encoder and decoder."""
        return (self.to_encoder, self.to_decoder) if self.given_size else ()

    @property
    def holds(self) -> bool:
        """Whether the given values of a batch are known."""
        return self.given_size > 0 and self.held.given is not None

    @contextmanager
    def holding(self, given: Tensor | None) -> Iterator[None]:
        """Within, these are the given values ``[..., B, G]`` of whatever is encoded or decoded."""
        if not self.given_size:
            yield
            return
        before = self.held.given
        self.held.given = given
        try:
            yield
        finally:
            self.held.given = before

    @contextmanager
    def repeating(self, times: int) -> Iterator[None]:
        """Within, the batch is there so many times, one behind the other."""
        if not self.given_size:
            yield
            return
        given = self._known()
        with self.holding(given.repeat(*[1] * (given.ndim - 2), times, 1)):
            yield

    def encoder_shift(self) -> Tensor:
        """What is added behind the encoder's first layer, ``[..., B, outputs]``."""
        shift: Tensor = self.to_encoder(self._known())
        return shift

    def decoder_shift(self) -> Tensor:
        """What is added behind the decoder's first layer, ``[..., B, outputs]``."""
        shift: Tensor = self.to_decoder(self._known())
        return shift

    def _known(self) -> Tensor:
        if self.held.given is None:
            raise UserError(
                f"given: this model was trained with data.given and takes {self.given_size} given values beside each "
                "example or code; pass given="
            )
        return self.held.given
