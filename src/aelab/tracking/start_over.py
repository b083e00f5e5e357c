"""``force=true``: what a run's directory holds goes, once for each submission, however often that is interrupted."""

from __future__ import annotations

import os
import platform
import shutil
import time
from contextlib import suppress
from pathlib import Path

from aelab.errors import UserError
from aelab.tracking.atomic import write_whole

NOTE = ".started_over"  # in a run's directory: the submission that started it over, until the run is complete
_UNDER_WAY = "under way"
_PARTS = ("checkpoints", "pictures", "pretraining", "replicas", "metrics.jsonl", "manifest.json")
_OWN = "AELAB_SUBMISSION"
PATIENCE_S = 120.0


def submission() -> str:
    """What names this attempt and its repetitions: a SLURM job that is put back into the queue is the same one.

    So are the processes of one data-parallel run. A command typed once more is another.
    """
    environment = os.environ
    if job := environment.get("SLURM_JOB_ID"):
        return f"slurm {job} {environment.get('SLURM_STEP_ID', '')}"
    if job := environment.get("SUBMITIT_LOCAL_JOB_ID"):
        return f"submitit {job}"
    if job := environment.get("TORCHELASTIC_RUN_ID"):
        return f"torchrun {os.getppid()}" if job == "none" else f"torchrun {job}"
    return environment.setdefault(_OWN, f"process {os.getpid()} on {platform.node()} at {time.time()}")


def start_over(directory: Path, force: bool) -> bool:
    """Remove what an earlier attempt left, where ``force`` and this submission has not done so; or finish doing it.

    Returns whether it did. The caller has claimed the directory.
    """
    note = directory / NOTE
    told = _read(note)
    if told != _UNDER_WAY and (not force or told == submission()):
        return False
    write_whole(note, _UNDER_WAY)
    for part in _PARTS:
        path = directory / part
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    if force:
        write_whole(note, submission())
    else:
        note.unlink()
    return True


def wait_for_start_over(directory: Path) -> None:
    """Return once rank 0 has started the run over, for this process of the same run; UserError where it never does."""
    deadline = time.monotonic() + PATIENCE_S
    while _read(directory / NOTE) != submission():
        if time.monotonic() > deadline:
            raise UserError(f"force=true: rank 0 did not start {directory} over within {PATIENCE_S:.0f} s")
        time.sleep(0.05)


def done_with(directory: Path) -> None:
    """The run is complete: the next ``force=true`` is a new one, whoever gives it."""
    (directory / NOTE).unlink(missing_ok=True)


def _read(note: Path) -> str:
    with suppress(OSError):
        return note.read_text()
    return ""
