"""Semantic hashing: noise on the code's input drives a sigmoid code to bits."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from aelab.errors import UserError
from aelab.models.base.autoencoder import Autoencoder
from aelab.models.base.learner import Encoding
from aelab.objectives.randomness import Generators, normal


class SemanticHashingAutoencoder(Autoencoder):
    """``h = sigmoid(f(x) + std * n)``, n standard normal, in training (Salakhutdinov & Hinton 2007, 2009).

    Only inputs of the sigmoid that are large beside the noise carry anything to the decoder, so the code learns to be
    near 0 or 1. Without noise at validation and test. ``std``: 4, the paper's variance of 16. The noise is drawn anew
    in every step, where the paper fixes it for each example.
    """

    paddable = False  # a padded code would draw more noise than a lone one

    def __init__(self, *args: Any, std: float = 4.0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        name = self.code_activation_name
        if name != "sigmoid":
            raise UserError(
                f"model.code_activation={name}: this code is driven to bits; use model.code_activation=sigmoid"
            )
        if std < 0:
            raise UserError(f"model.std={std}: must be 0 or more")
        self.std = std

    def infer(self, x: Tensor, generator: Generators = None) -> Encoding:
        if not self.training:
            return super().infer(x)
        before = self.network.encode(x)
        return Encoding(self.code_activation(before + self.std * normal(before, generator)))
