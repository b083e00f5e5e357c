"""W&B runs that are open while others finish: whoever finishes a run takes up its own."""

from __future__ import annotations

import atexit
import signal
from collections.abc import Collection
from pathlib import Path

from aelab.runs.wandb_note import FILE, Note
from aelab.tracking.wandb_client import close_runs
from aelab.tracking.wandb_run import WandbRun

_handed_on: dict[Path, WandbRun] = {}


def hand_on(wandb_run: WandbRun) -> None:
    """Leave a W&B run open for whoever goes on with the run of its directory in this process."""
    if not _handed_on:
        atexit.register(_at_exit)
    _handed_on[wandb_run.directory] = wandb_run


def taken_up(directory: Path) -> WandbRun | None:
    """The open W&B run of a run's directory, which is the caller's from now on; None where there is none."""
    return _handed_on.pop(directory, None)


def close_left(directories: Collection[Path]) -> None:
    """Close those of these runs that nobody took up, as failed."""
    close([_handed_on.pop(directory) for directory in directories if directory in _handed_on], 1)


def close(wandb_runs: Collection[WandbRun], exit_code: int, signum: int | None = None) -> None:
    """Close several at a time; ``signum``: the signal that interrupted them. The run's directory has the rest."""
    close_runs([(one.run, Note(one.directory / FILE)) for one in wandb_runs], exit_code, signum)


def _at_exit() -> None:
    close(list(_handed_on.values()), 1, signal.SIGTERM)
    _handed_on.clear()
