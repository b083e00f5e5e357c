"""The jobs of a sweep among the processes of torchrun or srun, where each of these trains runs of its own.

They share a file system and nothing else: what another process is at, its claim tells.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.utils import JobReturn
from omegaconf import DictConfig

from aelab.cli.ending import failures
from aelab.errors import UserError
from aelab.machines.devices import apart_from_its_group
from aelab.machines.ranks import group, is_of_one_model
from aelab.runs.claim import is_held
from aelab.runs.manifest import leave, marks, read_manifest
from aelab.runs.start_over import submission

if TYPE_CHECKING:
    from aelab.cli.jobs import Job


def are_shared_out(config: DictConfig) -> bool:
    """Whether several processes have this sweep, and each run is of one of them."""
    return group()[1] > 1 and not is_of_one_model(config.trainer)


def done_among_ranks(
    config: DictConfig,
    packs: Sequence[list[Job]],
    directory_of: Callable[[Job], Path],
    do: Callable[[Sequence[list[Job]]], dict[int, JobReturn]],
) -> dict[int, JobReturn]:
    """Do this rank's packs, then what the others have not begun by then; by number what came of each job done here.

    So nobody idles, and the runs of a rank that died are done by the others. Raises UserError where a sweeper must
    know every result.
    """
    sweeper = config.hydra.runtime.choices.get("hydra/sweeper")
    if sweeper != "basic":
        raise UserError(
            f"hydra/sweeper={sweeper}: its trials cannot be shared out among {group()[1]} processes, each of which "
            "would search by itself; start it once, with hydra/launcher=parallel, or train each model on all processes "
            "with trainer=ddp"
        )
    rank, size = group()
    directories = {job.number: directory_of(job) for pack in packs for job in pack}
    before = {number: marks(directory) for number, directory in directories.items()}
    submission()  # is the same for all ranks, and asked while they can be told to be a group
    with apart_from_its_group(config.trainer.accelerator):
        results = do(packs[rank::size])
        for other in range(rank + 1, rank + size):
            for pack in packs[other % size :: size]:
                left = [job for job in pack if not _is_taken(directories[job.number], before[job.number])]
                if left:
                    results |= do([left])
    if rank:
        failures.clear()  # rank 0 judges the sweep; torchrun would stop it where another one ends badly
    return results


def _is_taken(directory: Path, before: list[tuple[int, int] | None]) -> bool:
    """Whether another rank is at a run, or has ended it since this sweep began."""
    if is_held(directory):
        leave(directory)  # so that this process waits for it before it compares
        return True
    status = (read_manifest(directory) or {}).get("status")
    return status == "complete" or (status == "failed" and marks(directory) != before)


def stays_here() -> bool:
    """Whether jobs run in this very process.

    Processes that torchrun or srun started form a group that outlives one job, and torch's threads, where this
    process has any already, do not outlive a fork.
    """
    return "RANK" in os.environ or group()[1] > 1 or ("torch" in sys.modules and _threads() > 1)


def _threads() -> int:
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return threading.active_count()
