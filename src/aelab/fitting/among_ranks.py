"""The chunks of a run's replicas among the processes of torchrun or srun, through files and nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from aelab.machines.atomic_files import write_whole
from aelab.runs.claim import Held, claim

FITTED = ".fitted"  # in the directory of a chunk
LOOK_S = 0.2


def fit_among_ranks(chunks: list[Path], rank: int, size: int, fit: Callable[[int], object]) -> None:
    """Fit this rank's chunks, then those that nobody is at; rank 0 returns once all are fitted.

    ``chunks``: the directory of each. A rank that dies costs what it did since its last checkpoint: another goes on.
    """
    own = [index for first in range(size) for index in range((rank + first) % size, len(chunks), size)]
    while left := [index for index in own if not (chunks[index] / FITTED).exists()]:
        for index in left:
            try:
                with claim(chunks[index]):
                    if not (chunks[index] / FITTED).exists():
                        fit(index)
                        write_whole(chunks[index] / FITTED, "")
            except Held:
                continue
        if rank:
            return
        time.sleep(LOOK_S)
