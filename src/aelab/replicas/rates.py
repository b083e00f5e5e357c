"""A learning rate of its own for each replica in a stack, also where it falls when that replica stands still."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from aelab.objectives.randomness import per_replica

# Optimisers that treat every number by itself, so that replicas in one tensor never meet.
ELEMENTWISE = {
    "ASGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSprop", "Rprop", "SGD",
}  # fmt: skip
BY_RATE = ELEMENTWISE - {"ASGD", "Rprop"}
"""Those whose step is in proportion to the learning rate."""
PLATEAU = ReduceLROnPlateau.__name__

MakeOptimizer = Callable[..., torch.optim.Optimizer]


class Rates:
    """The learning rates of a stack's replicas: an optimiser at the largest, each replica's step scaled to its own.

    The step of the optimisers in ``BY_RATE`` is proportional to the learning rate, so this is each replica's own rate
    exactly; one fused step still serves all.
    """

    def __init__(self, rates: Sequence[float | None]) -> None:
        self.own = list(rates)
        self.shares: Tensor | None = None  # of the largest, float64 [K]; None where all are equal
        self._share([rate or 0.0 for rate in rates])

    def _share(self, rates: Sequence[float]) -> None:
        largest = max(rates)
        equal = all(rate == largest for rate in rates)
        shares = [rate / largest if largest else 0.0 for rate in rates]
        self.shares = None if equal else torch.tensor(shares, dtype=torch.float64)

    def optimizer(self, make: MakeOptimizer, parameters: Any) -> torch.optim.Optimizer:
        """What ``make`` makes, with these rates."""
        largest = max((rate for rate in self.own if rate is not None), default=None)
        optimizer = make(parameters) if largest is None else make(parameters, lr=largest)
        before: list[Tensor] = []

        def remember(*_: Any) -> None:
            before.clear()
            if self.shares is not None:
                before.extend(p.detach().clone() for group in optimizer.param_groups for p in group["params"])

        @torch.no_grad()
        def scale(*_: Any) -> None:
            if self.shares is not None:
                after = [p for group in optimizer.param_groups for p in group["params"]]
                for parameter, old in zip(after, before, strict=True):
                    parameter.copy_(torch.lerp(old, parameter, per_replica(self.shares, parameter)))

        optimizer.register_step_pre_hook(remember)
        optimizer.register_step_post_hook(scale)
        return optimizer

    def scheduler(self, make: Callable[..., ReduceLROnPlateau], optimizer: torch.optim.Optimizer) -> Plateaus:
        """For each replica a scheduler that ``make`` makes."""
        return Plateaus(self, make, optimizer)

    def set(self, optimizer: torch.optim.Optimizer, rates: Sequence[float]) -> None:
        """Go on with these."""
        self._share(rates)
        for group in optimizer.param_groups:
            group["lr"] = max(rates)


class Plateaus(ReduceLROnPlateau):
    """``ReduceLROnPlateau`` for each replica of a stack by itself; its state is theirs, under ``replicas``."""

    def __init__(self, rates: Rates, make: Callable[..., ReduceLROnPlateau], optimizer: torch.optim.Optimizer) -> None:
        self.rates = rates
        self.optimizer = optimizer
        default = optimizer.param_groups[0]["lr"]
        self.replicas = [make(_holding(default if rate is None else rate)) for rate in rates.own]

    def step(self, metrics: Any, epoch: Any = None) -> None:  # type: ignore[override]
        """``metrics``: of each replica, ``[K]``."""
        for scheduler, value in zip(self.replicas, metrics.tolist(), strict=True):
            scheduler.step(value)
        self._apply()

    def _apply(self) -> None:
        self.rates.set(self.optimizer, [scheduler.optimizer.param_groups[0]["lr"] for scheduler in self.replicas])

    def state_dict(self) -> dict[str, Any]:
        return {"replicas": [scheduler.state_dict() for scheduler in self.replicas]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for scheduler, state in zip(self.replicas, state_dict["replicas"], strict=True):
            scheduler.load_state_dict(state)
            scheduler.optimizer.param_groups[0]["lr"] = rate_of(state)
        self._apply()


def rate_of(state: dict[str, Any]) -> float:
    """The learning rate in the state of a lone ``ReduceLROnPlateau``."""
    return float(state["_last_lr"][0])


def _holding(rate: float) -> torch.optim.Optimizer:
    """An optimiser that is there to hold a learning rate."""
    return torch.optim.SGD([nn.Parameter(torch.zeros(()))], lr=rate)


def give_rates(model: Any, rates: Sequence[float | None], own_plateaus: bool) -> None:
    """Let a stack's replicas learn at ``rates``; ``own_plateaus``: each lowers it when it stands still itself."""
    if len(set(rates)) == 1 and not own_plateaus:
        return
    together = Rates(rates)
    model.make_optimizer = partial(together.optimizer, model.make_optimizer)
    if own_plateaus:
        model.make_scheduler = partial(together.scheduler, model.make_scheduler)
