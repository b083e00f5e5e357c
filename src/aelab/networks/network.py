"""What a model asks of a network: an encoder, a decoder and, where cheap, the encoder's linearisation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from torch import Tensor

from aelab.errors import UserError
from aelab.networks.conditions import Conditional
from aelab.networks.layers import Affine
from aelab.objectives.randomness import Generators


class Linearization(NamedTuple):
    """The encoder around x: ``code = W_L a(... a(W_1 x))``.

    ``weights``: layers' weights, first layer first, ``[..., out, in]``; ``slopes``: derivatives of the hidden
    activations at x, one less than the weights, ``[..., B, width]``.
    """

    code: Tensor
    weights: list[Tensor]
    slopes: list[Tensor]


class Network(Conditional):
    """Base of all encoder/decoder pairs over flat examples ``[..., B, D]`` and codes ``[..., B, code_size]``.

    ``shape``: shape of one example, D values. The decoder's output is the reconstruction for squared error
    and its logits for cross-entropy. ``encoder_layers`` and ``decoder_layers`` list the modules with a weight
    from input to code and back; a tied network has no decoder weights.

    ``linearize``, ``code_weights`` and ``filters`` are *abilities*: None where a network lacks them, and whoever needs
    one asks before anything is trained. ``stackable``: whether its layers take replicas along a leading axis.
    ``event``: trailing axes of the decoder's output that belong to one value: 0, or 1 for a network that gives a logit
    of each symbol, ``[..., B, D, V]``. ``code_shape``: of codes that are maps ``[code, h, w]``, else None; they have
    h * w ``code_places``, others 1, and the values of a place lie side by side.
    """

    stackable = True
    event = 0
    code_shape: tuple[int, int, int] | None = None
    code_places = 1

    encoder_layers: Any  # ModuleLists of layers with a weight and a bias
    decoder_layers: Any
    decoder_biases: Any

    def __init__(self, shape: Sequence[int], code_size: int, hidden: Sequence[int], tied: bool) -> None:
        super().__init__()
        if code_size < 1:
            raise UserError(f"network.code_size={code_size}: must be at least 1")
        if any(width < 1 for width in hidden):
            raise UserError(f"network.hidden={list(hidden)}: every width must be at least 1")
        self.shape = tuple(shape)
        self.input_size = math.prod(shape)
        self.code_size = code_size
        self.hidden = tuple(hidden)
        self.tied = tied

    def features(self, x: Tensor) -> Tensor:
        """Inputs ``[..., B, D]`` to what the layer that makes the code is given, ``[..., B, width]``."""
        raise NotImplementedError

    def visible(self, x: Tensor, seen: Tensor) -> Tensor | None:
        """Codes of the patches ``seen`` alone, long ``[..., B, V]`` of inputs ``[..., B, D]``; None of a network that
        does not see in patches."""
        return None

    def head(self) -> Affine:
        """A new layer from features to as many values as a code has."""
        return Affine(int(self.encoder_layers[-1].weight.shape[-1]), self.code_size)

    @property
    def encoder_norms(self) -> Sequence[Any]:
        """The encoder's layers with a ``gain`` and a ``shift`` of each channel."""
        return ()

    @property
    def decoder_norms(self) -> Sequence[Any]:
        """The same of the decoder."""
        return ()

    @classmethod
    def places_of_code(cls, settings: Mapping[str, Any], shape: Sequence[int]) -> int:
        """At how many places of a code ``network.code_size`` counts the values, by a config's settings."""
        return 1

    def code_of(self, features: Tensor, x: Tensor) -> Tensor:
        """The code ``[..., B, code_size]`` of inputs x whose features are known already."""
        return self.encode(x)

    def cut(self, x: Tensor) -> Tensor:
        """Of a batch ``[..., B, D]`` what takes part in training: of sequences no more than the longest has."""
        return x

    def encode(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def decode(self, code: Tensor) -> Tensor:
        raise NotImplementedError

    def decode_towards(self, code: Tensor, target: Tensor, generator: Generators = None) -> Tensor:
        """The decoder's output where it may be told of the ``target`` ``[..., B, D]`` what came before each value: what
        is trained and measured. ``decode``, where the decoder makes no use of that."""
        return self.decode(code)

    def code_weights(self) -> Tensor | None:
        """The weights that leave the code, ``[..., width, code_size]``: a column for each code unit; or None."""
        return None

    is_chain = False

    def linearize(self, x: Tensor) -> Linearization | None:
        """The encoder's linearisation at x, or None where the network is not a chain of affine layers."""
        return None

    def jacobian_cost(self) -> float:
        """Cost of the exact Jacobian penalty: a training step with it over a plain one (see jacobian.py)."""
        raise NotImplementedError

    def multiplications(self) -> int:
        """Multiply-adds of one example's way through encoder and decoder."""
        raise NotImplementedError

    def filters(self) -> Tensor | None:
        """The first layer's weights as pictures of the input: ``[units, *shape of a patch]``; or None."""
        return None
