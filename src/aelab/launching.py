"""Let Lightning's script launcher start the other processes of exactly this job, also inside a multirun."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytorch_lightning as pl


@contextmanager
def relaunchable(trainer: pl.Trainer) -> Iterator[None]:
    """Within it, ``sys.argv`` is the command line of this one job.

    Lightning's DDP re-executes ``sys.argv``, which under ``-m`` is the whole sweep, and under a joblib or
    submitit worker is no command of ours at all. Afterwards the command line, the environment (ranks are left
    in it) and the process group are as before, and no process of a failed job is left, so that the next job
    of the process starts clean.
    """
    from hydra.core.hydra_config import HydraConfig

    if not HydraConfig.initialized():
        yield
        return
    import __main__

    argv, spec = list(sys.argv), getattr(__main__, "__spec__", None)
    sys.argv[:] = _command(HydraConfig.get())
    __main__.__spec__ = None
    try:
        with _clean_afterwards():
            yield
    except BaseException:
        _end_others(trainer)
        raise
    finally:
        __main__.__spec__ = spec
        sys.argv[:] = argv


@contextmanager
def _clean_afterwards() -> Iterator[None]:
    import torch

    environment = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(environment)
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()


def _command(hydra: Any) -> list[str]:
    """The overrides of this job, and the folders its config came from; Lightning adds the directory."""
    folders = [source.path for source in hydra.runtime.config_sources if source.provider == "command-line"]
    searched = [override for override in hydra.overrides.hydra if override.startswith("hydra.searchpath")]
    command = [str(Path(__file__).with_name("__main__.py")), "--config-name", hydra.job.config_name]
    for folder in folders:
        command += ["--config-dir", folder]
    return [*command, *searched, *hydra.overrides.task]


def _end_others(trainer: pl.Trainer) -> None:
    """Stop the processes that Lightning started for a job that failed.

    It watches them from a thread that kills this process, sweep and all, when one of them ends badly; once
    they are off its list it does not.
    """
    watched = getattr(trainer.strategy.launcher, "procs", [])
    processes = list(watched)
    watched.clear()
    for process in processes:
        process.kill()
        process.wait()
