"""A signal to a sweep that runs in joblib's workers reaches the runs they are at, and waits until these have saved."""

from __future__ import annotations

import multiprocessing
import os
import platform
import signal
import time
from pathlib import Path
from types import FrameType
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from aelab.tracking.claim import LOCK, is_held

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
PATIENCE_S = 20.0
"""Seconds that the runs get to save; then joblib kills the workers."""


class SweepInterrupted(KeyboardInterrupt):
    """The sweep was stopped by a signal, ``signum``, and so were its runs, which can be resumed."""

    def __init__(self, message: str, signum: int) -> None:
        super().__init__(message)
        self.signum = signum


class StopWorkers(Callback):
    """Hydra callback: hands signals on to joblib's workers, which joblib itself would stop with SIGKILL."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        self.directory = Path(config.paths.outputs) / config.sweep
        wanted = SIGNALS if config.hydra.launcher._target_.endswith(".JoblibLauncher") else ()
        self.before = {signum: signal.signal(signum, self._stop) for signum in wanted}

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        for signum, handler in self.before.items():
            signal.signal(signum, handler)

    def _stop(self, signum: int, frame: FrameType | None) -> None:
        for each in SIGNALS:  # an impatient second one must not be the workers' second, which ends them unsaved
            signal.signal(each, signal.SIG_IGN)
        stop_runs(self.directory, signal.SIGTERM if signum == signal.SIGHUP else signum)
        raise SweepInterrupted(f"interrupted; the same command resumes {self.directory}", signum)


def stop_runs(directory: Path, signum: int) -> None:
    """Send the signal to every worker of this process that is at a run of the sweep; return when none is any more."""
    owners = {f"process {worker.pid} on {platform.node()}": worker.pid for worker in multiprocessing.active_children()}
    deadline, told = time.monotonic() + PATIENCE_S, set[str]()
    while busy := _owners(directory) & owners.keys():
        for owner in busy - told:
            os.kill(owners[owner] or 0, signum)
        told |= busy
        if time.monotonic() > deadline:
            return
        time.sleep(0.05)


def _owners(directory: Path) -> set[str]:
    return {lock.read_text() for lock in directory.glob(f"*/{LOCK}") if is_held(lock.parent)}


def is_worker() -> bool:
    """Whether this process was started to do jobs for another one, as joblib's workers are."""
    return multiprocessing.parent_process() is not None


def leave_terminal() -> None:
    """Ctrl-C is for the sweep, which hands it on; directly it would reach a worker as well, for the second time."""
    if os.getpgrp() != os.getpid():
        os.setpgrp()


def wait_for_the_end() -> None:
    """After an interrupted run: begin no other job while the sweep waits for those of the other workers.

    Returns, and the sweep goes on, where the signal was meant for this one run.
    """
    time.sleep(PATIENCE_S)
