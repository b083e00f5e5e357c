"""Runs of a sweep fitted in stacks: each then lies in its directory as if it had been stopped behind its last epoch.

What is left of each, its test and all that follows, is done where a run is done; so is all of a run that cannot be
fitted here, or fails here.
"""

from __future__ import annotations

import logging
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from pytorch_lightning.callbacks import Callback

from aelab.building.agreement import check_output, check_questions
from aelab.building.build import build_data, check_optimizer, count_parameters
from aelab.building.fit import Fit, Member, build_member
from aelab.building.shares import Share, place
from aelab.building.stack_files import StackPictures, files_of_stack
from aelab.config.checking import check
from aelab.config.objects import questions_of
from aelab.data.module import DataModule
from aelab.errors import DivergedError, UserError
from aelab.fitting.companions import kind, obstacle
from aelab.fitting.replication import Replication
from aelab.fitting.run import RunInterrupted, close
from aelab.machines.devices import devices_of_its_own
from aelab.machines.interruption import Interrupted, Interruption, interruptible
from aelab.machines.quiet import quiet
from aelab.models import Autoencoder
from aelab.replicas.best import BestWeights
from aelab.replicas.chunking import STACKING_PAYS_BELOW, runs_of_stacks
from aelab.runs.best_checkpoint import BestCheckpoint
from aelab.runs.checkpoints import last_intact, load_checkpoint
from aelab.runs.claim import claim
from aelab.runs.identity import directory_name, resolved
from aelab.runs.manifest import Manifest, read_manifest, this_process
from aelab.runs.start_over import must_start_over, start_over

log = logging.getLogger(__name__)


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
    def rows(self) -> int:
        """Training examples of a member."""
        rows = self.members[0].rows
        return self.data.size("train") if rows is None else len(rows)


def fitted_together(jobs: Sequence[tuple[DictConfig, list[str]]]) -> Iterator[list[int]]:
    """The places of the jobs that a stack has just fitted, stack by stack; jobs in none are not among them.

    Those runs are this process's until the next stack is asked for. ``jobs``: configs of runs with their overrides.
    Raises RunInterrupted after a signal, once all runs of the stack are saved.
    """
    for stack in stacks(jobs):
        with ExitStack() as claims:
            if _fitted(stack, claims):
                yield [companion.number for companion in stack]


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
    for reason in filter(None, sorted(map(str, reasons - {None}))):
        print(f"one by one, not in a stack: {reason}", flush=True)
    for numbers in kinds.values():
        if len(numbers) > 1:
            yield from _stacks([(number, *jobs[number]) for number in numbers])


def _stacks(jobs: Sequence[tuple[int, DictConfig, list[str]]]) -> list[list[Companion]]:
    """Jobs of one kind, as far as they are not done, in stacks of two runs or more."""
    alike: dict[tuple[Any, ...], list[Companion]] = {}
    for job in jobs:
        try:
            companion = _companion(*job)
        except Exception:
            log.debug("not fitted together with others:\n%s", traceback.format_exc())
            continue
        if companion is not None:
            code = None if companion.like.paddable else companion.like.network.code_size
            where = companion.checkpoint and place(companion.checkpoint)
            alike.setdefault((companion.rows, code, where), []).append(companion)
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
    check(config, typed)  # what is refused has not begun
    replication = Replication(config, directory) if config.replicas.name != "none" else None
    if replication and len(replication.chunks) > 1:
        return None
    data = replication.data if replication else build_data(config)
    members = replication.members(range(replication.count)) if replication else [Member(config)]
    like = build_member(members[0], data)
    check_optimizer(config, like)
    check_output(config, like, data)
    check_questions(questions_of(config.get("evaluation")), config, like)
    flops = 6.0 * like.network.multiplications() * data.batch_size
    if config.trainer.accelerator == "cpu" and flops >= STACKING_PAYS_BELOW:
        return None
    found = Companion(number, config, typed, directory, data, members, replication, like)
    last = None if over else last_intact(directory)
    if last is not None:
        found.checkpoint = load_checkpoint(last)
        if found.checkpoint["epoch"] + 1 >= config.trainer.max_epochs:
            return None
    return found


def _fitted(stack: list[Companion], claims: ExitStack) -> bool:
    """Fit what nobody else is at and is where it was found to be; whether there was a fit.

    ``claims``: keeps the runs for this process until each is done.
    """
    interruption = Interruption()
    manifests: list[Manifest] = []
    try:
        with devices_of_its_own(stack[0].config, _launcher()), interruptible(interruption):
            ready = [companion for companion in stack if _is_free(companion, claims)]
            if len(ready) < 2:
                return False
            _fit(ready, manifests)
            return True
    except Interrupted as stop:
        interruption.pass_on()
        sweep = stack[0].directory.parent
        raise RunInterrupted(f"interrupted; the same command resumes {sweep}", stop.signum) from stop
    except Exception as error:
        log.debug("a stack failed, its runs are fitted one by one:\n%s", traceback.format_exc())
        if not isinstance(error, DivergedError):
            reason = " ".join(str(error).split()) or type(error).__name__
            print(f"one by one, as their stack failed: {len(stack)} runs ({reason})", file=sys.stderr, flush=True)
        return True


def _launcher() -> str | None:
    return HydraConfig.get().runtime.choices.get("hydra/launcher") if HydraConfig.initialized() else None


def _is_free(companion: Companion, claims: ExitStack) -> bool:
    """Claim a run; False where it is somebody else's, or somebody was at it since it was looked at."""
    directory = companion.directory
    try:
        claims.enter_context(claim(directory, hand_on=True))
        if must_start_over(directory, companion.config.force):
            start_over(directory, companion.config.force)
            companion.checkpoint = None
            return True
        if (read_manifest(directory) or {}).get("status") == "complete":
            return False
        last = last_intact(directory)
        now = load_checkpoint(last) if last else None
    except UserError:
        return False
    return (now and place(now)) == (companion.checkpoint and place(companion.checkpoint))


def _fit(stack: Sequence[Companion], manifests: list[Manifest]) -> None:
    """Train runs that are claimed, each to be found where its training ended."""
    first = stack[0]
    shares = _shares(stack)
    members = [member for companion in stack for member in companion.members]
    for companion in stack:
        manifest = Manifest(companion.directory, companion.directory.name, resolved(companion.config), companion.typed)
        manifest.update(stacked={"runs": len(stack), "models": len(members), "by": this_process()})
        manifests.append(manifest)
    parts = [companion.checkpoint for companion in stack if companion.checkpoint is not None]
    files = files_of_stack(first.directory.parent, shares, parts)
    callbacks: list[Callback] = [StackPictures(shares, first.data, first.config.callbacks.pictures_every)]
    best = BestWeights()
    began = time.monotonic()
    try:
        fit = Fit(members, first.data, best, callbacks=callbacks, files=files)
        fit.run()
    except (Interrupted, KeyboardInterrupt) as error:
        for manifest in manifests:
            close(manifest, "interrupted", error)
        raise
    except Exception:
        for manifest in manifests:  # what each becomes now, it becomes by itself
            with suppress(OSError, UserError):
                manifest.update(stacked=None)
        raise
    seconds = time.monotonic() - began
    for manifest, share in zip(manifests, shares, strict=True):
        if not share.lost:
            manifest.update(timings={"stack_s": round(seconds / len(stack), 3)})
    print(f"{len(stack)} runs in one stack, {len(members)} models: {seconds:.1f} s", flush=True)


def _shares(stack: Sequence[Companion]) -> list[Share]:
    rates = [companion.config.optimizer.get("lr") or 1.0 for companion in stack]
    shares: list[Share] = []
    for companion, rate in zip(stack, rates, strict=True):
        start = shares[-1].stop if shares else 0
        stop = start + len(companion.members)
        replication = companion.replication
        share = Share(companion.directory, start, stop, replication is None, companion.like, rate / max(rates))
        if replication:
            share.data_sets = replication.assignment.data_sets
            share.follows_variance = replication.assignment.partitions is None
        elif companion.checkpoint:
            share.best = companion.checkpoint["callbacks"][BestCheckpoint.STATE_KEY]["best_model_score"].item()
        share.in_wandb = companion.config.logger.name != "none"
        shares.append(share)
    return shares
