"""The template of every variant: x -> corrupt -> encode -> decode -> error + weight * penalty."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from aelab.errors import UserError
from aelab.models.learner import Learner, Terms
from aelab.networks import Network
from aelab.networks.activations import activation
from aelab.objectives import NoCorruption, SquaredError
from aelab.objectives.randomness import Generators, per_replica


class Autoencoder(Learner):
    """Undercomplete (or overcomplete) autoencoder; every variant overrides one hook of it.

    Hooks: ``corrupt`` (what the encoder sees), ``encode`` (how the code is made; ``training_code`` where it is noisy),
    ``penalty`` (what is added to the error) and ``observe`` (what is remembered of a training batch's code).

    ``network``: encoder and decoder. ``error``: reconstruction error that is minimised. ``corruption``: of
    the encoder's input in training; validation and test see clean inputs. ``code_activation``: applied to the
    encoder's output. ``weight``: of the penalty, a number or a tensor of length K. ``optimizer``,
    ``scheduler``, ``seed``: see Learner.

    Everything addresses trailing axes: with parameters stacked along a leading axis K and x ``[K, B, D]``,
    ``objective`` gives K losses and the sum of them trains K independent models (see replicas/stacking.py).
    """

    code_mask: Tensor | None
    varying: tuple[str, ...] = ("weight",)  # hyperparameters that may be tensors of length K
    unused: tuple[str, ...] = ("weight",)  # settings that a variant without a penalty takes and makes no use of
    paddable = True  # whether codes of several sizes may share a stack, zeros making up the difference

    def __init__(
        self,
        network: Network,
        error: Any = None,
        corruption: Any = None,
        code_activation: str = "identity",
        weight: float | Tensor = 0.0,
        optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.Adam,
        scheduler: Callable[..., Any] | None = None,
        seed: int | list[int] = 0,
    ) -> None:
        super().__init__(optimizer, scheduler, seed)
        if not isinstance(weight, Tensor) and weight < 0:
            raise UserError(f"model.weight={weight}: must be 0 or more")
        self.network = network
        self.error = error if error is not None else SquaredError()
        self.corruption = corruption if corruption is not None else NoCorruption()
        self.code_activation = activation(code_activation, "model.code_activation")
        self.code_activation_name = code_activation
        self.weight = weight
        self.register_buffer("code_mask", None, persistent=False)

    # --- the template and its hooks ---

    def objective(self, x: Tensor, generator: Generators = None) -> Terms:
        seen = self.corrupt(x, generator)
        code = self.training_code(seen, generator)
        error = self.error(self.output(code), x).mean(-1)
        penalty = self.penalty(seen, code, generator)
        if penalty is None:
            return Terms(error, error, torch.zeros_like(error), code)
        return Terms(error + self.weighted(penalty), error, penalty, code)

    def corrupt(self, x: Tensor, generator: Generators = None) -> Tensor:
        """What the encoder sees in training instead of x."""
        return self.corruption(x, generator)

    def encode(self, x: Tensor) -> Tensor:
        """Inputs ``[..., B, D]`` to codes ``[..., B, H]``."""
        code = self.code_activation(self.network.encode(x))
        return code if self.code_mask is None else code * self.code_mask

    def training_code(self, x: Tensor, generator: Generators = None) -> Tensor:
        """Codes that the objective decodes; other than ``encode`` where a variant's code is noisy."""
        return self.encode(x)

    def output(self, code: Tensor) -> Tensor:
        """The decoder's output ``[..., B, D]``: what the error takes, a reconstruction or its logits."""
        return self.network.decode(code)

    def penalty(self, x: Tensor, code: Tensor, generator: Generators = None) -> Tensor | None:
        """Unweighted penalty ``[...]`` of the input the encoder saw and its code; None for none."""
        return None

    def weighted(self, penalty: Tensor) -> Tensor:
        """The penalty ``[...]`` as it enters the loss."""
        return per_replica(self.weight, penalty) * penalty

    def measured(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        code = self.encode(x)
        output = self.output(code)
        error = self.error(output, x)
        squared = (self.error.reconstruction(output) - x).square().sum(-1)
        mean_error = error.mean(-1)
        penalty = self.penalty(x, code)
        penalty = torch.zeros_like(mean_error) if penalty is None else penalty
        return error, squared, penalty, mean_error + self.weighted(penalty)

    # --- use ---

    def decode(self, code: Tensor) -> Tensor:
        """Codes ``[..., B, H]`` to reconstructions ``[..., B, D]``."""
        return self.error.reconstruction(self.output(code))

    def reconstruct(self, x: Tensor) -> Tensor:
        """Inputs to their reconstructions, ``[..., B, D]``."""
        return self.decode(self.encode(x))

    def forward(self, x: Tensor) -> Tensor:
        return self.reconstruct(x)
