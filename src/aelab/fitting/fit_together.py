"""Runs of a sweep fitted in stacks: each then lies in its directory as if it had been stopped behind its last epoch.

What is left of each, its test and all that follows, is done where a run is done; so is all of a run that cannot be
fitted here, or fails here.
"""

from __future__ import annotations

import logging
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from pytorch_lightning.callbacks import Callback

from aelab.building.fit import Fit
from aelab.building.shares import Share, place
from aelab.building.stack_files import StackPictures, files_of_stack
from aelab.errors import DivergedError, UserError
from aelab.fitting.run import RunInterrupted, close
from aelab.fitting.stacks import Companion, stacks
from aelab.fitting.watched import Watched
from aelab.machines.devices import devices_of_its_own
from aelab.machines.interruption import Interrupted, Interruption, interruptible
from aelab.replicas.best import BestWeights
from aelab.runs.best_checkpoint import BestCheckpoint
from aelab.runs.checkpoints import LAST, last_intact, load_checkpoint
from aelab.runs.claim import claim
from aelab.runs.identity import resolved
from aelab.runs.manifest import Manifest, read_manifest, this_process
from aelab.runs.start_over import must_start_over, start_over
from aelab.tracking.handed_on import close_left

log = logging.getLogger(__name__)


def fitted_together(jobs: Sequence[tuple[DictConfig, list[str]]]) -> Iterator[list[int]]:
    """The places of the jobs that a stack has just fitted, stack by stack; jobs in none are not among them.

    Those runs are this process's until the next stack is asked for. ``jobs``: configs of runs with their overrides.
    Raises RunInterrupted after a signal, once all runs of the stack are saved.
    """
    for stack in stacks(jobs):
        with ExitStack() as claims:
            if _fitted(stack, claims):
                yield [companion.number for companion in stack]
                close_left([companion.directory for companion in stack])


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
    models = sum(len(companion.members) for companion in stack)
    for companion in stack:
        manifest = Manifest(companion.directory, companion.directory.name, resolved(companion.config), companion.typed)
        manifest.update(stacked={"runs": len(stack), "models": models, "by": this_process()})
        manifests.append(manifest)
    began = time.monotonic()
    ended: dict[Path, int] = {}  # the last epoch of each run that has not left the stack
    watched = Watched()
    try:
        watched.open(stack, manifests)
        going = list(stack)
        while len(going) > 1:
            shares = _shares(going, watched)
            ended |= _fit_once(going, shares)
            going = _left(going, shares)
    except (Interrupted, KeyboardInterrupt) as error:
        for manifest in manifests:
            close(manifest, "interrupted", error)
        watched.close(1, getattr(error, "signum", signal.SIGINT))
        raise
    except Exception:
        watched.close(1)
        for manifest in manifests:  # what each becomes now, it becomes by itself
            with suppress(OSError, UserError):
                manifest.update(stacked=None)
        raise
    watched.hand_on(ended)
    seconds = time.monotonic() - began
    for manifest, companion in zip(manifests, stack, strict=True):
        if companion.directory in ended:
            manifest.update(timings={"stack_s": round(seconds / len(stack), 3)})
    print(f"{len(stack)} runs in one stack, {models} models: {seconds:.1f} s", flush=True)


def _fit_once(stack: Sequence[Companion], shares: Sequence[Share]) -> dict[Path, int]:
    """Train until all runs of a stack are done, or half of them have stopped early.

    Returns the last epoch of each run that has not left the stack.
    """
    first = stack[0]
    members = [member._replace(data=companion.data) for companion in stack for member in companion.members]
    parts = [companion.checkpoint for companion in stack if companion.checkpoint is not None]
    files = files_of_stack(first.directory.parent, shares, parts, first.config.callbacks.early_stopping)
    callbacks: list[Callback] = [StackPictures(shares, first.config.callbacks.pictures_every)]
    best = BestWeights([share.alone for share in shares for _ in range(share.start, share.stop)])
    fit = Fit(members, first.data, best, callbacks=callbacks, files=files)
    fit.run()
    last = fit.trainer.current_epoch - 1
    return {share.directory: last if share.stopped is None else share.stopped for share in shares if not share.lost}


def _left(stack: Sequence[Companion], shares: Sequence[Share]) -> list[Companion]:
    """Runs that go on where others of their stack have stopped early, from their last state."""
    if all(share.stopped is None for share in shares):
        return []
    found = []
    for companion, share in zip(stack, shares, strict=True):
        if share.lost or share.stopped is not None:
            continue
        companion.checkpoint = load_checkpoint(companion.directory / "checkpoints" / LAST)
        if companion.checkpoint["epoch"] + 1 < companion.config.trainer.max_epochs:
            found.append(companion)
    return found


def _shares(stack: Sequence[Companion], watched: Watched) -> list[Share]:
    rates = [companion.config.optimizer.get("lr") or 1.0 for companion in stack]
    shares: list[Share] = []
    for companion, rate in zip(stack, rates, strict=True):
        start = shares[-1].stop if shares else 0
        stop = start + len(companion.members)
        replication = companion.replication
        share = Share(companion.directory, start, stop, replication is None, companion.like, companion.data)
        share.rate = rate / max(rates)
        if replication:
            share.data_sets = replication.assignment.data_sets
            share.follows_variance = replication.assignment.partitions is None
        elif companion.checkpoint:
            share.best = companion.checkpoint["callbacks"][BestCheckpoint.STATE_KEY]["best_model_score"].item()
        share.in_wandb = companion.config.logger.name != "none"
        share.follower = watched.of.get(companion.directory)
        shares.append(share)
    return shares
