"""beta-TC-VAE: only the dependence of the code's units on one another is penalised more."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from aelab.models.base.autoencoder import Forward
from aelab.models.variational.kl_weighted import KLWeighted
from aelab.objectives.divergence import kl_parts
from aelab.objectives.randomness import Generators


class TotalCorrelationAutoencoder(KLWeighted):
    """``error + kl_weight * (MI + sum_j KL(q(z_j) || p(z_j))) + weight * TC`` (Chen et al. 2018).

    The three add up to the VAE's KL: the mutual information of example and code, the total correlation of the code's
    units and how far each unit's own distribution is from the prior. ``kl_weight``: 1 for a likelihood, 2 s^2 for the
    squared error, of which ``weight`` is then beta times as much. Estimated by stratified sampling from each batch and
    the number of training examples, so that the metrics ``mutual_information``, ``penalty`` (TC) and ``unit_kl`` mean
    what they say.
    """

    examples: Tensor
    takes_weights = False  # its estimator takes every example of a batch for one draw of the data
    weighed = ("mutual_information", "unit_kl")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.register_buffer("examples", torch.tensor(1.0, dtype=torch.float64))

    def initialize(self, x: Tensor) -> None:
        self.examples.fill_(len(x))

    def on_train_start(self) -> None:
        super().on_train_start()
        order = getattr(self.trainer.datamodule, "order", None)  # type: ignore[attr-defined]
        if order is not None:
            self.examples.fill_(order.rows.shape[-1])

    def penalties(self, forward: Forward, generator: Generators = None) -> dict[str, Tensor]:
        parts = forward.encoding.parts
        code = self.drawn(forward)
        information, correlation, units = kl_parts(code, parts["mean"], parts["log_variance"], self.examples)
        found = {"mutual_information": information, "penalty": correlation, "unit_kl": units}
        return found | self.of_drawn_code(forward)
