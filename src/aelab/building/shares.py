"""The state of a stack whose members belong to several runs: cut into each run's own, and put together again."""

from __future__ import annotations

import copy
import json
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aelab.data.module import DataModule
from aelab.errors import UserError
from aelab.models import Autoencoder
from aelab.replicas.best import BestWeights
from aelab.replicas.rates import rate_of
from aelab.replicas.stacking import padded
from aelab.runs.best_checkpoint import BestCheckpoint
from aelab.runs.early_stopping import is_early_stopping
from aelab.runs.epoch_state import KEY
from aelab.runs.follower import Follower

log = logging.getLogger(__name__)

Checkpoint = dict[str, Any]
ALIKE = ("epoch", "global_step", "pytorch-lightning_version", "loops")  # the same for all runs of a stack
OF_ALL = ("step", "eta", "mu", "mu_product")  # in optimisers' states: numbers that count steps, not parameters
STOPPING = "stack_stopping"  # early stopping, in a stack's checkpoint
RATES = ("lr", "initial_lr")
RATE_LISTS = ("base_lrs", "_last_lr")


@dataclass
class Share:
    """A run's members of a stack: those from ``start`` to ``stop``.

    ``alone``: whether the run is one model, whose values have no leading axis in its own checkpoints. ``like``: one of
    its models, for the shapes without padding. ``data``: what it trains on. ``rate``: its learning rate over the
    largest of the stack. ``best``: the value of the monitor whose weights lie in ``best.ckpt``. ``data_sets``: of a
    nested plan's members. ``follows_variance``: whether bias and variance are recorded by epoch. ``in_wandb``: whether
    it is shown in W&B, and ``follower``, what shows it there while it trains. ``lost``: diverged, or not to be written
    to any more; it is left as it was. ``stopped``: the epoch at which it came to its end early; its members stay in the
    stack and are nobody's any more. ``ends``: about to be, once its last state is written.
    """

    directory: Path
    start: int
    stop: int
    alone: bool
    like: Autoencoder
    data: DataModule
    rate: float = 1.0
    best: float = math.inf
    data_sets: list[int] | None = None
    follows_variance: bool = False
    in_wandb: bool = False
    follower: Follower | None = None
    lost: bool = False
    stopped: int | None = None
    ends: bool = False

    @contextmanager
    def risking_itself(self) -> Iterator[None]:
        """Trouble with this run's files costs the stack this run only, which meets it again when it is fitted alone."""
        try:
            yield
        except UserError as error:
            log.debug("%s leaves its stack: %s", self.directory, error)
            self.lost = True

    def own(self, value: Tensor, shape: Sequence[int]) -> Tensor:
        """Of a stack's values ``[K, ...]`` this run's, padding cut away to members' ``shape``."""
        own = value[(slice(self.start, self.stop), *map(slice, shape))]
        return (own[0] if self.alone else own).clone()

    def state(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Of a stack's state dict this run's."""
        return {name: self.own(values[name], like.shape) for name, like in self.like.state_dict().items()}

    def members(self, value: Tensor) -> Tensor:
        """Of a run's own values the members', ``[k, ...]``."""
        return value[None] if self.alone else value


def going(shares: Sequence[Share]) -> list[Share]:
    """Those that are neither lost nor stopped."""
    return [share for share in shares if not share.lost and share.stopped is None]


def cut(whole: Checkpoint, share: Share) -> Checkpoint:
    """A stack's checkpoint as that of one of its runs, which goes on from it alone or in another stack."""
    shapes = [parameter.shape for parameter in share.like.parameters()]
    optimizers = []
    for optimizer in whole["optimizer_states"]:
        state = {
            index: {
                name: value if name in OF_ALL or not isinstance(value, Tensor) else share.own(value, shapes[index])
                for name, value in values.items()
            }
            for index, values in optimizer["state"].items()
        }
        groups = [_scaled(group, share.rate) for group in optimizer["param_groups"]]
        optimizers.append({"state": state, "param_groups": groups})
    schedulers = [_scheduler(state, share) for state in whole["lr_schedulers"]]
    for own in filter(_on_plateaus, schedulers):  # of each model at a rate that it came to by itself
        rate = max(map(rate_of, _replicas(own)))
        for group in (group for optimizer in optimizers for group in optimizer["param_groups"]):
            group["lr"] = rate
    known = {*ALIKE, "state_dict", "optimizer_states", "lr_schedulers", "callbacks", KEY}
    part = {key: value for key, value in whole.items() if key in ALIKE or key not in known}  # and what else there is
    part[type(share.data).__name__] = (
        share.data.state_dict()
    )  # its preprocessing, which may be another than the first's
    part |= {
        "state_dict": share.state(whole["state_dict"]),
        "optimizer_states": optimizers,
        "lr_schedulers": schedulers,
        "callbacks": _callbacks(whole["callbacks"], share),
    }
    if KEY in whole:
        part[KEY] = [_under_way(state, share) for state in whole[KEY]]
    return part


def place(part: Checkpoint) -> str:
    """Where in its training a run is; runs at the same place can share a stack."""
    return json.dumps([part["epoch"], part["global_step"], part["loops"], KEY in part], default=str, sort_keys=True)


def join(parts: Sequence[Checkpoint], best: Sequence[Mapping[str, Tensor]], shares: Sequence[Share]) -> Checkpoint:
    """The checkpoints of runs that are at the same place as that of their stack; the inverse of ``cut``.

    ``best``: of each run that is one model the weights of its best epoch, which lie in a file of their own.
    """
    whole = copy.deepcopy(parts[max(range(len(shares)), key=lambda number: shares[number].rate)])
    whole["state_dict"] = _joined([part["state_dict"] for part in parts], shares)
    for number, optimizer in enumerate(whole["optimizer_states"]):
        for index in optimizer["state"]:
            own = [part["optimizer_states"][number]["state"][index] for part in parts]
            optimizer["state"][index] = _joined(own, shares)
    for number, state in enumerate(whole["lr_schedulers"]):
        if _on_plateaus(state):
            own_states = [_replicas(part["lr_schedulers"][number]) for part in parts]
            whole["lr_schedulers"][number] = {"replicas": [state for states in own_states for state in states]}
    states = [_best_state(part, weights, share) for part, weights, share in zip(parts, best, shares, strict=True)]
    errors = torch.cat([error.double().reshape(-1) for error, _ in states])
    best_weights = {"errors": errors, "state": _joined([s for _, s in states], shares)}
    stopping = _stopping(parts, shares)
    whole["callbacks"] = {BestWeights().state_key: best_weights} | ({STOPPING: stopping} if stopping else {})
    if KEY in whole:
        under_way = [part[KEY][0] for part in parts]
        values = [one["means"]["values"] for one in under_way]
        means = {"counts": under_way[0]["means"]["counts"], "values": _joined(values, shares)}
        noise = [state for one in under_way for state in one["noise"]]
        whole[KEY] = [under_way[0] | {"noise": noise, "means": means}]
    return whole


def _joined(parts: Sequence[Mapping[str, Any]], shares: Sequence[Share]) -> dict[str, Any]:
    """Runs' values of each name as a stack's."""
    joined = {}
    for name, value in parts[0].items():
        if name in OF_ALL or not isinstance(value, Tensor):
            joined[name] = value
            continue
        own = [share.members(part[name]) for part, share in zip(parts, shares, strict=True)]
        joined[name] = padded([member for members in own for member in members])
    return joined


def _best_state(part: Checkpoint, weights: Mapping[str, Tensor], share: Share) -> tuple[Tensor, Mapping[str, Tensor]]:
    """Each member's lowest value of the monitor, and the weights it had then."""
    if not share.alone:
        state = part["callbacks"][BestWeights().state_key]
        return state["errors"], state["state"]
    return part["callbacks"][BestCheckpoint.STATE_KEY]["best_model_score"], weights


def _callbacks(whole: Mapping[str, Any], share: Share) -> dict[str, Any]:
    stopping = whole.get(STOPPING) or {}
    own = {key: runs[share.start] for key, runs in stopping.items()}
    return own | _best_callback(whole[BestWeights().state_key], share)


def _stopping(parts: Sequence[Checkpoint], shares: Sequence[Share]) -> dict[str, dict[int, Any]]:
    """Of early stopping each run's state by its first member, under the name that it has in a run's checkpoint."""
    found: dict[str, dict[int, Any]] = {}
    for part, share in zip(parts, shares, strict=True):
        for key, state in part["callbacks"].items():
            if is_early_stopping(key):
                found.setdefault(key, {})[share.start] = state
    return found


def _best_callback(best: Mapping[str, Any], share: Share) -> dict[str, Any]:
    if not share.alone:
        own = {"errors": best["errors"][share.start : share.stop].clone(), "state": share.state(best["state"])}
        return {BestWeights().state_key: own}
    return {BestCheckpoint.STATE_KEY: {"best_model_score": best["errors"][share.start].float()}}


def _scaled(group: Mapping[str, Any], rate: float) -> dict[str, Any]:
    """A group of parameters at the run's own learning rate, as ``replicas/rates.py`` applies it."""
    return {key: value * rate if key in RATES and rate != 1 else value for key, value in group.items()}


def _on_plateaus(state: Mapping[str, Any]) -> bool:
    """Whether a scheduler's state, a run's or a stack's, is one of plateaus."""
    return "replicas" in state or "num_bad_epochs" in state


def _replicas(state: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Of such a state that of each model."""
    found: list[dict[str, Any]] = state.get("replicas") or [dict(state)]
    return found


def _scheduler(state: Mapping[str, Any], share: Share) -> dict[str, Any]:
    if _on_plateaus(state):
        own = _replicas(state)[share.start : share.stop]
        return own[0] if share.alone else {"replicas": own}
    rate = share.rate
    if rate == 1:
        return dict(state)
    return {key: [each * rate for each in value] if key in RATE_LISTS else value for key, value in state.items()}


def _under_way(state: Mapping[str, Any], share: Share) -> dict[str, Any]:
    """What the epoch under way has summed and drawn so far."""
    means = state["means"]
    values = {name: share.own(value, value.shape[1:]) for name, value in means["values"].items()}
    own = {"noise": state["noise"][share.start : share.stop], "means": {"counts": means["counts"], "values": values}}
    return {**state, **own}
