"""Let Lightning's script launcher start the other processes of exactly this job, also inside a multirun."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def relaunchable(directory: Path) -> Iterator[None]:
    """Within it, ``sys.argv`` is the command line of this one job.

    Lightning's DDP re-executes ``sys.argv``, which under ``-m`` is the whole sweep, and under a joblib or
    submitit worker is no command of ours at all. Afterwards the command line, the environment (ranks are left
    in it) and the process group are as before, so that the next job of the process starts clean.
    """
    from hydra.core.hydra_config import HydraConfig

    if not HydraConfig.initialized() or int(os.environ.get("LOCAL_RANK", 0)):
        yield
        return
    import torch

    import __main__

    job = HydraConfig.get()
    argv, environment, spec = list(sys.argv), dict(os.environ), getattr(__main__, "__spec__", None)
    command = Path(__file__).with_name("__main__.py")
    sys.argv[:] = [str(command), *job.overrides.task, f"hydra.run.dir={directory}"]
    __main__.__spec__ = None
    try:
        yield
    finally:
        __main__.__spec__ = spec
        sys.argv[:] = argv
        os.environ.clear()
        os.environ.update(environment)
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
