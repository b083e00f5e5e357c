"""Which replicas are trained in one fit: all of them stacked, so many at a time, or each alone; and remain so."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

from omegaconf import DictConfig

from aelab.config.objects import conf_dir
from aelab.config.trust import resolve
from aelab.errors import UserError
from aelab.replicas.plans import Plan
from aelab.replicas.rates import BY_RATE, ELEMENTWISE, PLATEAU

# Measured on one CPU core: a stack saves the dispatch of its operations and no arithmetic. Below this many FLOP a
# step and replica it won 1.6 times and more; above 80 MFLOP it lost to memory traffic (docs/performance.md).
STACKING_PAYS_BELOW = 30e6
# Beyond it the parameters, gradients and moments of a stack leave a core's caches, and a step and replica costs more.
STACK_BYTES = {"cpu": 8e6}
BYTES_A_PARAMETER = 16
LAYOUT = "replicas/chunks.json"  # in a run's directory: the chunks that its checkpoints are of


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


def runs_of_stacks(members: Sequence[int], parameters: int, accelerator: str) -> list[list[int]]:
    """Runs with so many ``members`` in stacks: the places of each stack's runs, in order, about equally many members.

    ``parameters``: of one member.
    """
    most = STACK_BYTES.get(accelerator, 2e9) / (BYTES_A_PARAMETER * parameters)
    count = min(len(members), max(1, math.ceil(sum(members) / most)))
    stacks: list[list[int]] = [[] for _ in range(count)]
    before = 0
    for number, size in enumerate(members):
        stacks[min(count - 1, int((before + size / 2) * count / sum(members)))].append(number)
        before += size
    return [stack for stack in stacks if stack]


def begun(directory: Path, wanted: list[list[int]], plan: Plan) -> list[list[int]]:
    """The chunks of a run that goes on, whose checkpoints cannot be cut; those that are wanted where it begins.

    Raises UserError where others were asked for by name.
    """
    try:
        kept: list[list[int]] = json.loads((directory / LAYOUT).read_text())
    except (OSError, ValueError):
        return wanted
    if kept == wanted or not _trained(directory):
        return wanted
    if plan.chunk or plan.mode != "auto":
        before = len(kept[0])
        raise UserError(
            f"replicas.chunk={plan.chunk} replicas.mode={plan.mode}: this run was begun with {before} replicas in a "
            f"fit, and its checkpoints cannot be cut; go on with replicas.chunk={before} replicas.mode=auto, or start "
            "over with force=true"
        )
    return kept


def _trained(directory: Path) -> bool:
    return any(directory.glob("checkpoints/*.ckpt")) or any(directory.glob("replicas/*/checkpoints/*.ckpt"))


def _stacked(plan: Plan, config: DictConfig, flops_per_step: Callable[[], float]) -> bool:
    obstacle = obstacle_to_stacking(config) or obstacle_to_one_fit(config)
    if plan.mode == "stacked" and obstacle:
        raise UserError(f"replicas.mode=stacked: {obstacle}; use replicas.mode=auto or sequential")
    if plan.mode != "auto" or obstacle:
        return plan.mode == "stacked"
    return pays(flops_per_step(), config.trainer.accelerator)


def flops_of_step(multiplications: int, batch_size: int) -> float:
    """Floating-point operations of a training step of one model: 6 a multiply-add of the forward pass."""
    return 6.0 * multiplications * batch_size


def pays(flops: float, accelerator: str) -> bool:
    """Whether models with so many floating-point operations a step train faster in a stack."""
    return accelerator != "cpu" or flops < STACKING_PAYS_BELOW


def obstacle_to_stacking(config: DictConfig) -> str | None:
    """Why replicas cannot share a stack, or None."""
    optimizer = config.optimizer._target_.rpartition(".")[2]
    if optimizer not in ELEMENTWISE:
        return f"optimizer {optimizer} mixes parameters, and so would mix replicas"
    if not resolve("network", config.network._target_, conf_dir()).stackable:  # type: ignore[attr-defined]
        return f"network={config.network.name} takes no replicas along a leading axis"
    if lowers_on_plateau(config) and optimizer not in BY_RATE:
        return (
            f"scheduler={config.scheduler.name} would lower the learning rate of all replicas at once: optimizer "
            f"{optimizer} takes steps that are not in proportion to it"
        )
    return None


def obstacle_to_one_fit(config: DictConfig) -> str | None:
    """Why the replicas of one run cannot be one fit, or None."""
    if config.callbacks.early_stopping is not None:
        return "callbacks.early_stopping would stop all replicas at once"
    return None


def lowers_on_plateau(config: DictConfig) -> bool:
    """Whether the learning rate falls when a model stands still."""
    return str(config.scheduler.get("_target_")).rpartition(".")[2] == PLATEAU
