"""A learning rate of its own for each replica in a stack."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from aelab.objectives.randomness import per_replica

# Optimisers that treat every number by itself, so that replicas in one tensor never meet.
ELEMENTWISE = {
    "ASGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSprop", "Rprop", "SGD",
}  # fmt: skip


def with_rates(make_optimizer: Callable[..., Any], rates: Sequence[float]) -> Callable[..., Any]:
    """``make_optimizer`` at the largest of ``rates``, each replica's step scaled down to its own.

    The step of these optimisers is proportional to the learning rate, so this is each replica's own rate
    exactly; one fused step still serves all.
    """
    largest = max(rates)
    shares = torch.tensor([rate / largest if largest else 0.0 for rate in rates], dtype=torch.float64)

    def make(parameters: Any) -> torch.optim.Optimizer:
        optimizer: torch.optim.Optimizer = make_optimizer(parameters, lr=largest)
        before: list[Tensor] = []

        def remember(*_: Any) -> None:
            before[:] = [p.detach().clone() for group in optimizer.param_groups for p in group["params"]]

        @torch.no_grad()
        def scale(*_: Any) -> None:
            after = [p for group in optimizer.param_groups for p in group["params"]]
            for parameter, old in zip(after, before, strict=True):
                parameter.copy_(torch.lerp(old, parameter, per_replica(shares, parameter)))

        optimizer.register_step_pre_hook(remember)
        optimizer.register_step_post_hook(scale)
        return optimizer

    return make
