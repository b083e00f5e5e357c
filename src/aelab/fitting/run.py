"""Config -> objects -> fit -> test -> manifest: the one place where all meets."""

from __future__ import annotations

import copy
import logging
import os
import signal
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from aelab.building.build import monitor_of
from aelab.config.checking import check
from aelab.config.objects import instantiate
from aelab.errors import UserError
from aelab.fitting.fit_and_test import fit_and_test
from aelab.fitting.launching import let_rank_zero_tell
from aelab.fitting.preparation import prepare
from aelab.fitting.replication import Replication
from aelab.machines.interruption import Interrupted, Interruption, interruptible
from aelab.machines.quiet import quiet
from aelab.machines.ranks import is_rank_zero
from aelab.machines.slurm import requeue
from aelab.runs.claim import Lost, claim
from aelab.runs.identity import UNNAMED, directory_name, resolved
from aelab.runs.manifest import Manifest, read_manifest
from aelab.runs.start_over import done_with, must_start_over, start_over, wait_for_start_over
from aelab.tracking.handed_on import taken_up
from aelab.tracking.wandb_run import is_open, open_wandb_run, reopen_wandb_run

log = logging.getLogger(__name__)


class RunFailed(Exception):
    """A run ended without a result; the message is one line and names where the trace is."""


class RunInterrupted(KeyboardInterrupt):
    """A run was stopped by a signal, ``signum``, and can be resumed."""

    def __init__(self, message: str, signum: int) -> None:
        super().__init__(message)
        self.signum = signum


def run(config: DictConfig, overrides: list[str], wait: bool = False) -> float:
    """Train and test what the config describes, unless it is done already. Returns the best value of the monitor.

    ``wait``: for another process that is at this very run, instead of raising Held.

    Raises UserError where the run cannot be meant like this, before anything of it is begun; RunFailed after the
    manifest says ``failed``, RunInterrupted after it says ``interrupted``.
    """
    quiet()
    name = directory_name(config)
    if name == UNNAMED:
        check(config, overrides)
    directory = Path(config.paths.outputs) / config.sweep / name
    config = copy.deepcopy(config)  # what is left to the data is put into it, and the caller's names this run
    interruption = Interruption()
    try:
        with interruptible(interruption):
            return _run(config, directory, overrides, wait)
    except Interrupted as stop:
        if stop.signum == signal.SIGUSR1:  # SLURM's, shortly before the time is up
            requeue()
        interruption.pass_on()
        how = "the same command without force=true" if config.force else "the same command"
        raise RunInterrupted(f"interrupted; {how} resumes {directory}", stop.signum) from stop


def _run(config: DictConfig, directory: Path, overrides: list[str], wait: bool) -> float:
    if not is_rank_zero():
        if config.force:
            wait_for_start_over(directory)
        done = read_manifest(directory)
        if done and done.get("status") == "complete":  # rank 0 has nothing to do either
            return _monitored(done)
        return _joined(config, directory, overrides)
    with claim(directory, wait):
        done = read_manifest(directory)
        starts_over = must_start_over(directory, config.force)
        if done and done.get("status") == "complete" and not starts_over:
            return _complete_already(config, directory, done)
        return _recorded(config, directory, overrides, starts_over)


def _complete_already(config: DictConfig, directory: Path, record: dict[str, Any]) -> float:
    """Train nothing; finish what a kill after the last test left undone, and what is asked in addition."""
    error = record["metrics"]["test/error"]
    best = directory / "checkpoints" / "best.ckpt"
    kept = "" if best.is_file() else f"; but its weights, {best}, are gone"
    print(f"complete already: test/error {error:.4g}{kept}  (force=true runs it again)")
    # a W&B Sweep's agent, too, asked for this run and waits to be told what came of it
    if config.logger.name != "none" and (is_open(directory) or "WANDB_SWEEP_ID" in os.environ):
        wandb_run = reopen_wandb_run(config, directory, record, Path(config.paths.outputs))
        wandb_run.finish(record["metrics"], 0)
    loggers = config.logger.name, record["config"]["logger"]["name"]  # of now and of then
    if config.get("evaluation"):
        from aelab.trained.evaluate import evaluate_later  # what it imports takes longer than many a run

        evaluate_later(directory, config.evaluation, wandb="none" not in loggers)
    return _monitored(record)


def _monitored(record: dict[str, Any]) -> float:
    """What a finished run is chosen by."""
    return float(record["metrics"][record.get("monitor") or "val/error"])


def _joined(config: DictConfig, directory: Path, overrides: list[str]) -> float:
    """The part that a process takes in a run that rank 0 owns and tells of."""
    try:
        ready = prepare(config, directory, overrides)
        if isinstance(ready, Replication) and ready.among_ranks:
            ready.fit_share()
            return float("nan")
        return fit_and_test(config, directory, None, ready)[monitor_of(config)]
    except Exception as error:
        log.info("failed:\n%s", traceback.format_exc())
        let_rank_zero_tell(directory)
        raise RunFailed(str(error)) from error


def _recorded(config: DictConfig, directory: Path, overrides: list[str], starts_over: bool) -> float:
    """Fit and test with every outcome written to the manifest and to W&B, a UserError before the fit aside."""
    began = time.monotonic()
    fault = None
    try:
        ready = prepare(config, directory, overrides, fresh=starts_over)
    except UserError:
        raise
    except BaseException as error:  # a signal, or a fault that is not the user's: the manifest tells of it
        fault = error
    if starts_over and not fault:
        start_over(directory, config.force)
    manifest = Manifest(directory, directory.name, resolved(config), overrides)
    manifest.began = began
    wandb_run = None
    metrics = {}
    exit_code = 1
    signum = None
    try:
        if fault:
            raise fault
        if config.logger.name != "none":
            outputs = Path(config.paths.outputs)
            wandb_run = taken_up(directory) or open_wandb_run(config, directory, manifest.record, outputs)
        metrics = fit_and_test(config, directory, wandb_run, ready, manifest)
        manifest.close("complete", metrics=metrics)
        exit_code = 0
        if config.get("evaluation"):
            from aelab.trained.evaluate import evaluate

            metrics |= evaluate(directory, config.evaluation, wandb_run)
    except (Interrupted, KeyboardInterrupt, SystemExit) as error:
        if exit_code:
            close(manifest, "interrupted", error)
        signum = getattr(error, "signum", signal.SIGINT)
        raise Interrupted(signum) from error
    except Exception as error:
        log.info("failed:\n%s", traceback.format_exc())
        if exit_code:  # else an evaluation failed, and the run itself is complete
            close(manifest, "failed", error)
        kind = "" if isinstance(error, UserError) else f"{type(error).__name__}: "
        reason = " ".join(str(error).split()) or type(error).__name__
        raise RunFailed(f"failed: {kind}{reason} (trace: {directory / 'train.log'})") from error
    finally:
        if wandb_run:
            wandb_run.finish(metrics, exit_code, signum)
    done_with(directory)
    print(_summary(metrics, instantiate("error", config.error).is_squared, manifest.record["timings"]["total_s"]))
    return _monitored(manifest.record)


def close(manifest: Manifest, status: str, error: BaseException) -> None:
    """Record how a run ended; on a full disk, and where the run is another's by now, the line told is all there is."""
    failure = {"type": type(error).__name__, "message": str(error), "trace": traceback.format_exc()}
    with suppress(OSError, Lost):
        manifest.close(status, error=failure)


def _summary(metrics: dict[str, float], is_squared: bool, seconds: float) -> str:
    pca = metrics.get("test/pca_error") if is_squared else None
    beside = "" if pca is None else f"  (PCA {pca:.4g}{_parts(metrics, 'test/pca_')})"
    if pca is not None and abs(pca) < 1e-20:  # of squares of rounding errors
        beside = "  (PCA loses nothing)"
    error = f"test/error {metrics['test/error']:.4g}{_parts(metrics, 'test/')}"
    return f"{error}{beside}{_of_texts(metrics)}  {seconds:.1f} s"


def _of_texts(metrics: dict[str, float]) -> str:
    """Beside the error of texts what it has to be held against, and whether the code tells of them at all."""
    if "test/exact_match" not in metrics:
        return ""
    counted = f"(unigram {metrics['test/unigram_error']:.4g}, bigram {metrics['test/bigram_error']:.4g})"
    told = [f"token error {metrics['test/token_error']:.2%}", f"{metrics['test/exact_match']:.1%} exact"]
    if "test/active_units" in metrics:
        told.append(f"KL {metrics['test/rate']:.3g} nats in {metrics['test/active_units']:.3g} active units")
    return f"  {counted}, {', '.join(told)}"


def _parts(metrics: dict[str, float], prefix: str) -> str:
    bias2, variance = (metrics.get(f"{prefix}{part}") for part in ("bias2", "variance"))
    return "" if bias2 is None or variance is None else f", bias² {bias2:.4g}, variance {variance:.4g}"
