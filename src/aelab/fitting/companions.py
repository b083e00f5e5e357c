"""Which runs of a sweep can be fitted together: they differ only in what may differ within a stack."""

from __future__ import annotations

import copy
import json
from typing import Any

from omegaconf import DictConfig, OmegaConf

from aelab.building.build import build_data
from aelab.building.fit import Member, build_member
from aelab.config.objects import conf_dir
from aelab.config.trust import resolve
from aelab.pretraining import is_wanted
from aelab.replicas.chunking import flops_of_step, obstacle_to_one_fit, obstacle_to_stacking, pays
from aelab.replicas.rates import BY_RATE, PLATEAU
from aelab.runs.identity import resolved

# where a run lies, who watches it and what is asked of it later; the plan, of which the stack gets the members
OUTSIDE = ("paths", "logger", "sweep", "force", "evaluation", "paper", "replicas")
WITHIN = ("seed", "data.seed", "data.split_seed", "optimizer.lr")

USUAL = {"min_epochs": None, "min_steps": None, "val_check_interval": 1.0}
"""Of the trainer, what decides when early stopping looks, and whether it may stop."""
PROPORTIONAL = {
    "ConstantLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts", "ExponentialLR", "LinearLR", "MultiStepLR",
    "PolynomialLR", "StepLR", PLATEAU,
}  # fmt: skip


def obstacle(config: DictConfig) -> str | None:
    """Why a run is fitted by itself, whatever else the sweep has; None where it may have companions."""
    trainer = config.trainer
    ends_elsewhere = [key for key in ("max_time", "fast_dev_run") if trainer.get(key)]
    return next(
        filter(
            None,
            (
                obstacle_to_stacking(config),
                config.replicas.name != "none" and obstacle_to_one_fit(config),
                _ends_early_oddly(config),
                is_wanted(config) and f"pretraining={config.pretraining.name} is of one model",
                trainer.devices != 1 and f"trainer.devices={trainer.devices}: stacks train on one",
                trainer.strategy != "auto" and f"trainer.strategy={trainer.strategy}: stacks train in one process",
                ends_elsewhere and f"trainer.{ends_elsewhere[0]} ends each run by itself",
                not trainer.max_epochs and "trainer.max_epochs=0 fits nothing",
                config.logger.get("watch") and "logger.watch=true shows the weights of one model",
                config.replicas.get("mode") == "sequential" and "replicas.mode=sequential",
                config.replicas.get("chunk") and f"replicas.chunk={config.replicas.get('chunk')}",
                config.replicas.name == "fresh" and "replicas=fresh draws training sets of its own",
                not _resident(config) and f"data={config.data.name} is read as it is needed",
            ),
        ),
        None,
    )


def _ends_early_oddly(config: DictConfig) -> str | None:
    odd = [key for key, usual in USUAL.items() if config.trainer.get(key, usual) != usual]
    if config.callbacks.early_stopping is None or not odd:
        return None
    return f"trainer.{odd[0]}={config.trainer[odd[0]]} lets early stopping stop one model at a time"


def gains(config: DictConfig) -> bool:
    """Whether a run can share a stack and gains by it. Reads its data, to know the network's size."""
    if obstacle(config) is not None:
        return False
    if config.trainer.accelerator != "cpu":
        return True
    data = build_data(config)
    model = build_member(Member(copy.deepcopy(config)), data)  # which puts into its config what is left to the data
    return pays(flops_of_step(model.network.multiplications(), data.batch_size), config.trainer.accelerator)


def _resident(config: DictConfig) -> bool:
    return bool(resolve("data", config.data._target_, conf_dir()).resident)  # type: ignore[attr-defined]


def kind(config: DictConfig) -> str:
    """What runs that are fitted together have in common: all of their config but what may differ within a stack."""
    plain = resolved(config)
    model: Any = resolve("model", config.model._target_, conf_dir())
    free = [*OUTSIDE, *WITHIN, *(f"model.{name}" for name in model.varying)]
    if config.corruption.get("_target_"):
        corruption: Any = resolve("corruption", config.corruption._target_, conf_dir())
        free += [f"corruption.{name}" for name in corruption.varying]
    if model.paddable is True:
        free.append("network.code_size")
    for dotted in free:
        *parents, last = dotted.split(".")
        node = plain
        for parent in parents:
            node = node.get(parent) or {}
        node.pop(last, None)
    if not _in_proportion(config):
        plain["lr"] = config.optimizer.get("lr")
    plain["default lr"] = config.optimizer.get("lr") is None
    return json.dumps(plain, sort_keys=True)


def source(config: DictConfig) -> str:
    """What the examples of a run and their parts depend on."""
    plain: Any = {group: OmegaConf.to_container(config[group], resolve=True) for group in ("data", "error")}
    plain["data"].pop("seed", None)
    return json.dumps(plain, sort_keys=True)


def _in_proportion(config: DictConfig) -> bool:
    """Whether steps and the rates of a schedule are in proportion to the optimiser's, so that these may differ."""
    if config.optimizer._target_.rpartition(".")[2] not in BY_RATE:
        return False
    if config.scheduler.name == "none":
        return True
    schedule = config.scheduler._target_.rpartition(".")[2]
    return schedule in PROPORTIONAL and config.scheduler.get("eta_min", 0) == 0
