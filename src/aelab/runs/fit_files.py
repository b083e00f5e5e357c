"""What a fit keeps on disk: a row of metrics an epoch, and checkpoints to go on from."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from pytorch_lightning.callbacks import Callback
from pytorch_lightning.plugins.io import CheckpointIO

from aelab.runs.best_checkpoint import BestCheckpoint
from aelab.runs.checkpoints import AtomicCheckpointIO, LastCheckpoint, last_intact
from aelab.runs.history import History


class FitFiles(NamedTuple):
    """``callbacks`` write them, in this order, checkpoints through ``writer``, which reads them, too.

    ``directory``: by whose name the fit is shown. ``last``: the checkpoint that the fit goes on from, None where it
    begins; UserError where none can be read. ``ends_early``: whether early stopping is of the fit as a whole.
    """

    directory: Path
    callbacks: list[Callback]
    writer: CheckpointIO
    last: Callable[[], Path | None]
    ends_early: bool = True


def files_of_run(directory: Path, best: BestCheckpoint | None = None) -> FitFiles:
    """Those of one run, in its directory.

    ``best``: writes ``best.ckpt``; a stack of replicas has none and remembers the best epoch of each instead.
    """
    directory.mkdir(parents=True, exist_ok=True)
    history = History(directory / "metrics.jsonl")
    callbacks: list[Callback] = [history, *([best] if best else []), LastCheckpoint(directory)]
    return FitFiles(directory, callbacks, AtomicCheckpointIO(), partial(last_intact, directory))
