"""Let Lightning's script launcher start the other processes of exactly this job, also inside a multirun."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from aelab.machines.orphans import named_parent
from aelab.runs.claim import is_held


@contextmanager
def relaunchable(trainer: pl.Trainer) -> Iterator[None]:
    """Within it, ``sys.argv`` is the command line of this one job.

    Lightning's DDP re-executes ``sys.argv``, which under ``-m`` is the whole sweep, and under a
    submitit worker is no command of ours at all. Afterwards the command line and the environment (ranks are left
    in it) are as before, and of the processes that Lightning started neither the group nor, if the job failed, any
    process is left, so that the next job of the process starts clean.
    """
    from hydra.core.hydra_config import HydraConfig

    if not HydraConfig.initialized():
        yield
        return
    import __main__

    argv = list(sys.argv)
    spec = getattr(__main__, "__spec__", None)
    sys.argv[:] = _command(HydraConfig.get())
    __main__.__spec__ = find_spec("aelab.__main__")  # by its path Python would take aelab/sklearn.py for scikit-learn
    try:
        with _clean_afterwards(trainer):
            yield
    except BaseException:
        _end_others(trainer)
        raise
    finally:
        __main__.__spec__ = spec
        sys.argv[:] = argv


@contextmanager
def _clean_afterwards(trainer: pl.Trainer) -> Iterator[None]:
    import torch

    environment = dict(os.environ)
    os.environ.update(named_parent())
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(environment)
        # processes that torchrun or srun started do the next job too, and stay one group
        if _started(trainer) and torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()


def let_rank_zero_tell(directory: Path, seconds: float = 10.0) -> None:
    """Wait until rank 0 has closed the manifest of a run that failed, or is found to hang.

    Whoever started these processes ends them all as soon as one ends badly.
    """
    deadline = time.monotonic() + seconds
    while is_held(directory) and time.monotonic() < deadline:
        time.sleep(0.1)


def _command(hydra: Any) -> list[str]:
    """The overrides of this job, and the folders its config came from; Lightning adds the directory."""
    folders = [source.path for source in hydra.runtime.config_sources if source.provider == "command-line"]
    searched = [override for override in hydra.overrides.hydra if override.startswith("hydra.searchpath")]
    command = [str(Path(__file__).parents[1] / "__main__.py"), "--config-name", hydra.job.config_name]
    for folder in folders:
        command += ["--config-dir", folder]
    return [*command, *searched, *hydra.overrides.task]


def _started(trainer: pl.Trainer) -> list[Any]:
    """The processes that Lightning started for this job, its own list of them."""
    return getattr(trainer.strategy.launcher, "procs", [])


def _end_others(trainer: pl.Trainer) -> None:
    """Stop the processes that Lightning started for a job that failed.

    It watches them from a thread that kills this process, sweep and all, when one of them ends badly; once
    they are off its list it does not.
    """
    watched = _started(trainer)
    processes = list(watched)
    watched.clear()
    for process in processes:
        process.kill()
        process.wait()
