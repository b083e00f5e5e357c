"""Which of the processes that are at one run this is, whoever started them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

OF_A_GROUP = (
    "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK", "ROLE_RANK", "MASTER_ADDR", "MASTER_PORT",
    "TORCHELASTIC_RUN_ID", "SLURM_NTASKS", "SLURM_PROCID", "SLURM_LOCALID", "SLURM_NODEID",
)  # fmt: skip
"""What tells Lightning that other processes train the same model."""
RANK_OF_ITS_OWN = "AELAB_RANK"


def is_rank_zero() -> bool:
    """Whether this process is the one that owns the run's directory, its manifest and its W&B run.

    torchrun tells the ``RANK`` among all processes; it goes first, because inside a SLURM job ``SLURM_PROCID`` then
    counts torchrun's own processes. srun tells ``SLURM_PROCID``. Lightning gives the processes that it starts
    ``LOCAL_RANK`` and, on several machines, is told ``NODE_RANK`` by the user.
    """
    if "RANK" in os.environ:
        return int(os.environ["RANK"]) == 0
    return not any(int(os.environ.get(name, 0)) for name in ("SLURM_PROCID", "LOCAL_RANK", "NODE_RANK"))


def is_judged() -> bool:
    """Whether the exit status of a sweep's process counts; where others fail, rank 0 is killed before it compares.

    It is rank 0's, and on each further machine the first process's: torchrun there waits for five minutes where it was
    well and rank 0 was not.
    """
    return is_rank_zero() or ("RANK" in os.environ and int(os.environ.get("LOCAL_RANK", 0)) == 0)


def group() -> tuple[int, int]:
    """Rank and number of the processes that torchrun or srun started; (0, 1) where neither did."""
    if "RANK" in os.environ:
        return int(os.environ["RANK"]), int(os.environ.get("WORLD_SIZE", 1))
    if "SLURM_PROCID" in os.environ:
        return int(os.environ["SLURM_PROCID"]), int(os.environ.get("SLURM_NTASKS", 1))
    return 0, 1


def local_rank() -> int:
    """Rank of this process among those of its group on this machine."""
    return int(os.environ.get("LOCAL_RANK") or os.environ.get("SLURM_LOCALID") or 0)


def is_of_one_model(trainer: Any) -> bool:
    """Whether the processes of a group train one model together, not each a model, or a stack, of its own."""
    return trainer.devices != 1 or trainer.get("num_nodes", 1) != 1 or trainer.strategy != "auto"


@contextmanager
def alone() -> Iterator[None]:
    """Within it, this process of a group, and those that it forks, train by themselves."""
    before = dict(os.environ)
    rank, _ = group()
    for name in OF_A_GROUP:
        os.environ.pop(name, None)
    os.environ[RANK_OF_ITS_OWN] = str(rank)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
