"""Which of the processes that are at one run this is, whoever started them."""

import os


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
