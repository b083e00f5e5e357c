"""Runs of a sweep put into stacks: which of them, each ready to be fitted, and what each stack goes on from."""

from __future__ import annotations

import copy
import logging
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from aelab.building.agreement import check_output, check_questions
from aelab.building.build import build_data, check_optimizer, count_parameters
from aelab.building.fit import Member, build_member
from aelab.building.once import sharing
from aelab.building.shares import place
from aelab.config.checking import check
from aelab.config.objects import questions_of
from aelab.data.module import DataModule
from aelab.fitting.companions import kind, obstacle, source
from aelab.fitting.replication import Replication
from aelab.machines.quiet import quiet
from aelab.models import Autoencoder
from aelab.replicas.chunking import flops_of_step, pays, runs_of_stacks
from aelab.runs.checkpoints import last_intact, load_checkpoint
from aelab.runs.early_stopping import has_stopped
from aelab.runs.identity import directory_name
from aelab.runs.manifest import read_manifest
from aelab.runs.start_over import must_start_over

log = logging.getLogger(__name__)

JobOfSweep = tuple[int, DictConfig, list[str]]
_told: set[str | None] = set()  # why not, as this process has said
DATA_BYTES = 2e9  # that the data of a stack's runs may take


@dataclass
class Companion:
    """A run of a sweep that may share a stack. ``number``: its place in the sweep. ``typed``: its overrides."""

    number: int
    config: DictConfig
    typed: list[str]
    directory: Path
    data: DataModule
    members: list[Member]
    replication: Replication | None
    like: Autoencoder
    checkpoint: dict[str, Any] | None = None

    @property
    def sizes(self) -> tuple[Any, ...]:
        """What has to be equal within a stack: examples that a member trains on, and those it is validated with, the
        shape of one and, where smaller codes cannot be padded, of the code."""
        rows = self.members[0].rows
        trained_on = self.data.size("train") if rows is None else len(rows)
        code = None if self.like.pads else self.like.network.code_size
        return trained_on, self.data.size("val"), self.data.shape, code


def stacks(jobs: Sequence[tuple[DictConfig, list[str]]]) -> Iterator[list[Companion]]:
    """The stacks in which jobs that are not done will be fitted; those that are fitted alone are in none."""
    quiet()
    kinds: dict[str, list[int]] = {}
    reasons = set()
    for number, (config, _) in enumerate(jobs):
        try:
            reason = obstacle(config)
            if reason is None:
                kinds.setdefault(kind(config), []).append(number)
            reasons.add(reason)
        except Exception:  # such a run is refused, or fails, where it is run
            log.debug("not fitted together with others:\n%s", traceback.format_exc())
    for reason in sorted(map(str, reasons - {None} - _told)):
        print(f"one by one, not in a stack: {reason}", flush=True)
    _told.update(reasons)
    for numbers in kinds.values():
        several = _within_memory([(number, *jobs[number]) for number in numbers])
        for some in several:
            if len(some) > 1:
                with sharing(anew=len(several) > 1):
                    yield from _stacks(some)


def _within_memory(jobs: list[JobOfSweep]) -> list[list[JobOfSweep]]:
    """Jobs of one kind in lists whose data, each split of them a copy, fit the memory together; said where several."""
    by_source: dict[str, list[JobOfSweep]] = {}
    for job in jobs:
        by_source.setdefault(source(job[1]), []).append(job)
    if len(by_source) < 2:
        return [jobs]
    config = jobs[0][1]
    try:
        data = build_data(config)
    except Exception:  # told where it is run
        return [jobs]
    size = sum(values.nbytes for values in data.values.values())
    most = max(1, int(DATA_BYTES / (2 * size)))  # a stack has a copy of what it trains on
    if len(by_source) <= most:
        return [jobs]
    print(
        f"data={config.data.name}: {len(by_source)} splits of {size / 1e6:.3g} MB each, of which at most {most} are in "
        "memory, and so in a stack, at a time",
        flush=True,
    )
    each = list(by_source.values())
    return [[job for some in each[start : start + most] for job in some] for start in range(0, len(each), most)]


def _stacks(jobs: Sequence[JobOfSweep]) -> list[list[Companion]]:
    """Jobs of one kind, as far as they are not done, in stacks of two runs or more."""
    alike: dict[tuple[Any, ...], list[Companion]] = {}
    read: dict[str, DataModule] = {}
    for job in jobs:
        try:
            companion = _companion(*job)
        except Exception:
            log.debug("not fitted together with others:\n%s", traceback.format_exc())
            continue
        if companion is not None:
            companion.data = read.setdefault(source(companion.config), companion.data)
            where = companion.checkpoint and place(companion.checkpoint)
            like = (*companion.sizes, companion.data.layout, kind(companion.config), where)
            alike.setdefault(like, []).append(companion)
    found = []
    for companions in alike.values():
        sizes = [len(companion.members) for companion in companions]
        accelerator = companions[0].config.trainer.accelerator
        for numbers in runs_of_stacks(sizes, count_parameters(companions[0].like), accelerator):
            found.append([companions[number] for number in numbers])
    return [stack for stack in found if len(stack) > 1]


def _companion(number: int, config: DictConfig, typed: list[str]) -> Companion | None:
    """A run that is not done and small enough for a stack, ready to be put into one; None for others."""
    directory = Path(config.paths.outputs) / config.sweep / directory_name(config)
    done = read_manifest(directory)
    over = must_start_over(directory, config.force)
    if done and done.get("status") == "complete" and not over:
        return None
    config = copy.deepcopy(config)  # what is left to the data is put into it, and the caller's names this run
    check(config, typed)  # what is refused has not begun
    replication = Replication(config, directory) if config.replicas.name != "none" else None
    if replication and len(replication.chunks) > 1:
        return None
    data = replication.data if replication else build_data(config)
    members = replication.members(range(replication.count)) if replication else [Member(config)]
    like = build_member(members[0], data)
    check_optimizer(config, like)
    check_output(config, like, data)
    check_questions(questions_of(config.get("evaluation")), config, like, data)
    if not pays(flops_of_step(like.network.multiplications(), data.batch_size), config.trainer.accelerator):
        return None
    found = Companion(number, config, typed, directory, data, members, replication, like)
    last = None if over else last_intact(directory)
    if last is not None:
        found.checkpoint = load_checkpoint(last)
        if found.checkpoint["epoch"] + 1 >= config.trainer.max_epochs or has_stopped(found.checkpoint):
            return None
    return found
