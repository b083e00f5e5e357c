"""Ask SLURM to run this job again: it was told that its time is up."""

from __future__ import annotations

import os
import subprocess
import sys

from aelab.machines.ranks import RANK_OF_ITS_OWN


def requeue() -> None:
    """Put this process's SLURM job back into the queue; outside of SLURM nothing happens.

    An array task is named by its array's id and its index, as ``scontrol`` wants it.
    """
    job = os.environ.get("SLURM_JOB_ID")
    rank = os.environ.get(RANK_OF_ITS_OWN) or os.environ.get("SLURM_PROCID", "0")
    if job is None or rank != "0":
        return
    if array := os.environ.get("SLURM_ARRAY_JOB_ID"):
        job = f"{array}_{os.environ['SLURM_ARRAY_TASK_ID']}"
    try:
        subprocess.run(["scontrol", "requeue", job], check=True, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        reason = getattr(error, "stderr", None) or error
        print(f"SLURM job {job} could not be put back into the queue: {reason}", file=sys.stderr)
