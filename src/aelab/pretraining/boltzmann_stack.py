"""Each layer as a restricted Boltzmann machine."""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig, OmegaConf

from aelab.config.objects import instantiate
from aelab.errors import UserError
from aelab.pretraining.greedy import Greedy


class BoltzmannStack(Greedy):
    """RBMs trained by CD-k on the means of the hidden units below (Hinton & Salakhutdinov 2006).

    Unrolled, the encoder's layers and their transposes in the decoder start from the same weights and are free to
    differ from there on, unless the network is tied. Visible units of the first layer follow the error: binary for
    cross-entropy, Gaussian for squared error. Hidden layers are logistic; the code is linear, with Gaussian units of
    variance 1, or logistic.

    ``gaussian_lr``: learning rate of a layer with Gaussian units. ``steps``, ``sampled``: of the chain (RBM).
    ``weight_cost``: half of it times the squares of the weights is added to the loss. ``momentum``: of the first
    ``momentum_epochs`` epochs, ``final_momentum`` of those that follow. ``std``: of the initial weights.
    """

    def __init__(
        self,
        max_epochs: int = 50,
        lr: float = 0.1,
        gaussian_lr: float = 1e-3,
        batch_size: int | None = 100,
        weights: str = "last",
        steps: int = 1,
        sampled: bool = False,
        weight_cost: float = 2e-4,
        momentum: float = 0.5,
        final_momentum: float = 0.9,
        momentum_epochs: int = 5,
        std: float = 0.1,
    ) -> None:
        super().__init__(max_epochs, lr, batch_size, weights)
        for key, value in (("momentum", momentum), ("final_momentum", final_momentum)):
            if not 0 <= value < 1:
                raise UserError(f"pretraining.{key}={value}: must be at least 0 and below 1")
        if weight_cost < 0:
            raise UserError(f"pretraining.weight_cost={weight_cost}: must be 0 or more")
        self.gaussian_lr = gaussian_lr
        self.momentum = momentum
        self.machine = {"steps": steps, "sampled": sampled, "weight": weight_cost}
        self.switch = {"first": momentum, "final": final_momentum, "epochs": momentum_epochs}
        self.std = std

    def check(self, config: DictConfig) -> None:
        name = config.network.activation
        code = config.model.code_activation
        if config.network.hidden and name != "sigmoid":
            raise UserError(
                f"pretraining=rbm network.activation={name}: hidden units of an RBM are logistic; use "
                "network.activation=sigmoid, or pretraining=greedy"
            )
        if code not in ("identity", "sigmoid"):
            raise UserError(
                f"pretraining=rbm model.code_activation={code}: an RBM's code is linear or logistic; use "
                "model.code_activation=identity or sigmoid, or pretraining=greedy"
            )

    def configure(self, layer: DictConfig, index: int) -> None:
        if index:
            layer.error = {"_target_": "aelab.objectives.CrossEntropy", "name": "cross_entropy"}
        code = layer.model.code_activation
        gaussian = instantiate("error", layer.error).is_squared or code == "identity"
        layer.network.tied = True
        layer.model = _group("aelab.pretraining.RBM", "rbm", code_activation=code, **self.machine)
        layer.corruption = _group("aelab.objectives.NoCorruption", "none")
        rates = {"lr": self.gaussian_lr if gaussian else self.lr, "momentum": self.momentum}
        layer.optimizer = _group("torch.optim.SGD", "sgd", _partial_=True, fused=True, **rates)
        layer.scheduler = _group("aelab.pretraining.MomentumSwitch", "momentum", _partial_=True, **self.switch)
        layer.initialization = _group("aelab.networks.initialization.normal", "normal", _partial_=True, std=self.std)

    def error(self, config: DictConfig, index: int) -> Any:
        return None


def _group(target: str, name: str, **values: Any) -> DictConfig:
    return OmegaConf.create({"_target_": target, "name": name, **values})
