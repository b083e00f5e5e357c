"""Which replicas are trained in one fit: all of them stacked, so many at a time, or each alone."""

from __future__ import annotations

from collections.abc import Callable

from omegaconf import DictConfig

from aelab.errors import UserError
from aelab.replicas.plans import Plan
from aelab.replicas.rates import ELEMENTWISE

# Measured on one CPU core: a stack saves the dispatch of its operations and no arithmetic. Below this many FLOP a
# step and replica it won 1.6 times and more; above 80 MFLOP it lost to memory traffic (docs/performance.md).
STACKING_PAYS_BELOW = 30e6


def chunks(
    members: int, plan: Plan, config: DictConfig, processes: int, flops_per_step: Callable[[], float]
) -> list[list[int]]:
    """The indices 0 ... members - 1 in lists, each trained in one fit; at least as many lists as processes.

    ``flops_per_step``: of one replica, asked only where it decides. Raises UserError where ``replicas.mode=stacked``
    cannot be had.
    """
    size = members
    if not _stacked(plan, config, flops_per_step):
        size = 1
    elif plan.chunk:
        size = min(size, plan.chunk)
    size = min(size, -(-members // processes))
    return [list(range(start, min(start + size, members))) for start in range(0, members, size)]


def _stacked(plan: Plan, config: DictConfig, flops_per_step: Callable[[], float]) -> bool:
    obstacle = _obstacle(config)
    if plan.mode == "stacked" and obstacle:
        raise UserError(f"replicas.mode=stacked: {obstacle}; use replicas.mode=auto or sequential")
    if plan.mode != "auto" or obstacle:
        return plan.mode == "stacked"
    if config.trainer.accelerator != "cpu":
        return True
    return flops_per_step() < STACKING_PAYS_BELOW


def _obstacle(config: DictConfig) -> str | None:
    """Why replicas cannot share a stack, or None."""
    optimizer = config.optimizer._target_.rpartition(".")[2]
    if optimizer not in ELEMENTWISE:
        return f"optimizer {optimizer} mixes parameters, and so would mix replicas"
    if config.callbacks.early_stopping is not None:
        return "callbacks.early_stopping would stop all replicas at once"
    if config.scheduler.name == "plateau":
        return "scheduler=plateau would lower the learning rate of all replicas at once"
    return None
