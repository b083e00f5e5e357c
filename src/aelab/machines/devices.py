"""How many jobs one machine does side by side, and which GPU each of them gets."""

from __future__ import annotations

import fcntl
import functools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from aelab.errors import UserError
from aelab.machines.ranks import alone, is_rank_zero, local_rank

ON_THIS_MACHINE = ("parallel", "slurm_local")
"""Launchers that leave the GPUs of this machine to the jobs; SLURM and Ray hand them out themselves."""


def workers(accelerator: str, devices: int) -> int:
    """Jobs side by side: as many as ``devices`` (of one job) go into the GPUs, on a CPU one a core."""
    if _is_gpu(accelerator):
        return max(1, len(visible_devices()) // max(1, devices))
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def register_resolver() -> None:
    """Make ``${workers:<accelerator>,<devices>}`` available to the configs of launchers."""
    OmegaConf.register_new_resolver("workers", workers, replace=True)


def visible_devices() -> list[str]:
    """Names of the GPUs that this process may use, as in ``CUDA_VISIBLE_DEVICES``."""
    listed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if listed is not None:
        return [name.strip() for name in listed.split(",") if name.strip()]
    return [str(index) for index in range(_count())]


@functools.cache
def _count() -> int:
    """Counted elsewhere where torch is not imported: a sweep's parent stays small, and CUDA does not outlive a fork."""
    if "torch" in sys.modules:
        return sys.modules["torch"].cuda.device_count()
    command = [sys.executable, "-c", "import torch; print(torch.cuda.device_count())"]
    return int(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


@contextmanager
def devices_of_its_own(config: DictConfig, launcher: str | None) -> Iterator[None]:
    """Within it, the GPUs that a job sees are its own: no job of another process has them.

    ``launcher``: the choice that launched the job.
    A process keeps the GPUs of its first job, because CUDA looks at ``CUDA_VISIBLE_DEVICES`` once; later jobs of it
    wait for the same ones. Does nothing for a job without GPUs, with all of them, or of another launcher.
    """
    count = config.trainer.devices
    wanted = _is_gpu(config.trainer.accelerator) and isinstance(count, int) and count > 0
    if launcher not in ON_THIS_MACHINE or not wanted or not is_rank_zero():
        yield
        return
    with slots(visible_devices(), count, lock_folder()) as own:
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(own)
        yield


@contextmanager
def apart_from_its_group(accelerator: str) -> Iterator[None]:
    """Within it, this process of a group trains by itself, on one GPU of its own where it trains on GPUs.

    The processes of a machine share out the GPUs that they see; where SLURM has bound each to its own, they see one.
    """
    own = local_rank()
    with alone():
        if _is_gpu(accelerator) and (seen := visible_devices()):
            os.environ["CUDA_VISIBLE_DEVICES"] = seen[own % len(seen)]
        yield


def lock_folder() -> Path:
    """Of this user on this machine; of one SLURM job, which may number its GPUs from 0 as every other does."""
    parts = ("aelab-devices", str(os.getuid()), os.environ.get("SLURM_JOB_ID", ""))
    return Path(tempfile.gettempdir()) / "-".join(part for part in parts if part)


@contextmanager
def slots(devices: list[str], count: int, folder: Path, pause_s: float = 0.2) -> Iterator[list[str]]:
    """``count`` of the devices, as soon as that many are free; the kernel frees them when their owner dies.

    Raises UserError where there are fewer.
    """
    if count > len(devices):
        raise UserError(f"trainer.devices={count}: this process sees {len(devices)} GPUs; ask for no more than that")
    folder.mkdir(parents=True, exist_ok=True)
    announced = False
    while True:
        with ExitStack() as held:
            own = _take(devices, count, folder, held)
            if own:
                yield own
                return
        if not announced:
            print(f"waiting for {count} of the GPUs {', '.join(devices)}, which other jobs have", flush=True)
            announced = True
        time.sleep(pause_s)


def _take(devices: list[str], count: int, folder: Path, held: ExitStack) -> list[str]:
    """All that are wanted or, so that nobody waits for who waits for them, none."""
    own: list[str] = []
    for name in devices:
        lock = held.enter_context((folder / f"{name.replace('/', '_')}.lock").open("w"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        own.append(name)
        if len(own) == count:
            return own
    return []


def _is_gpu(accelerator: str) -> bool:
    return accelerator in ("gpu", "cuda")
