"""What a layer is trained as: the run's own model, with one layer."""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig
from torch import Tensor

from aelab.config.objects import instantiate
from aelab.errors import UserError
from aelab.networks.activations import activation
from aelab.objectives import Error, SquaredError


class Greedy:
    """Each layer as an autoencoder of the run's variant, optimiser and initialisation (Bengio et al. 2007).

    Its input are the clean codes of the layers below, its target is that input; hidden layers have the network's
    activation, the top layer the model's code activation. With ``error=squared`` the output of upper layers passes
    the activation of their input, so that the unrolled network is the composition of the layers; cross-entropy
    needs sigmoid units.

    ``max_epochs``: of each layer. ``lr``, ``batch_size``: None takes those of the run. ``weights``: ``best`` by
    val/error, or ``last``.
    """

    def __init__(
        self, max_epochs: int = 20, lr: float | None = None, batch_size: int | None = None, weights: str = "best"
    ) -> None:
        for key, value in (("max_epochs", max_epochs), ("batch_size", batch_size)):
            if value is not None and value < 1:
                raise UserError(f"pretraining.{key}={value}: must be at least 1")
        if weights not in ("best", "last"):
            raise UserError(f"pretraining.weights={weights}: choose best or last")
        self.max_epochs = max_epochs
        self.lr = lr
        self.batch_size = batch_size
        self.weights = weights

    def check(self, config: DictConfig) -> None:
        """Raises UserError where the run's network cannot be trained like this."""
        name = config.network.activation
        hidden = config.network.hidden
        error: Error = instantiate("error", config.error)
        if hidden and error.data_range == (0, 1) and name != "sigmoid":
            raise UserError(
                f"pretraining=greedy error={error.name} network.activation={name}: upper layers rebuild codes, which "
                "must be in [0, 1]; use network.activation=sigmoid, or error=squared"
            )

    def configure(self, layer: DictConfig, index: int) -> None:
        """Adapt the config of layer ``index``, which is the run's with one layer."""
        if self.lr is not None:
            layer.optimizer.lr = self.lr

    def error(self, config: DictConfig, index: int) -> Any:
        """The error of layer ``index``; None for that of its config."""
        if index == 0 or instantiate("error", config.error).logits:
            return None
        return ActivatedError(config.network.activation)


class ActivatedError(SquaredError):
    """The squared error of outputs that pass an activation first."""

    def __init__(self, activation_name: str) -> None:
        self.activation = activation(activation_name)

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        return (self.activation(output) - target).square().sum(-1)

    def reconstruction(self, output: Tensor) -> Tensor:
        return self.activation(output)
