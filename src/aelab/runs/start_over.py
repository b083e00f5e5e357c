"""``force=true``: what a run's directory holds goes, once for each submission, however often that is interrupted."""

from __future__ import annotations

import os
import platform
import shutil
import time
from contextlib import suppress
from pathlib import Path

from aelab.errors import UserError
from aelab.machines.atomic_files import write_whole
from aelab.runs.wandb_note import FILE, Note

NOTE = ".started_over"  # in a run's directory: the submission that started it over, until the run is complete
_UNDER_WAY = "under way"
_FILES = ("metrics.jsonl", "per_example.npz", "anomaly_score.npz", "manifest.json")
_PARTS = ("checkpoints", "pictures", "pretraining", "replicas", *_FILES)
_OWN = "AELAB_SUBMISSION"
PATIENCE_S = 600.0  # rank 0 reads its data first


def submission() -> str:
    """What names this attempt and its repetitions: a SLURM job that is put back into the queue is the same one.

    So are the processes of one data-parallel run. A command typed once more is another.
    """
    environment = os.environ
    if job := environment.get("SLURM_JOB_ID"):
        return f"slurm {job} {environment.get('SLURM_STEP_ID', '')}"
    if job := environment.get("SUBMITIT_LOCAL_JOB_ID"):
        return f"submitit {job}"
    if job := environment.get("TORCHELASTIC_RUN_ID"):  # which a process that trains by itself takes away
        environment[_OWN] = f"torchrun {os.getppid()}" if job == "none" else f"torchrun {job}"
    return environment.setdefault(_OWN, f"process {os.getpid()} on {platform.node()} at {time.time()}")


def must_start_over(directory: Path, force: bool) -> bool:
    """Whether ``force`` is given and this submission has not started the run over, or who began to was killed."""
    noted = _read(directory / NOTE)
    return noted == _UNDER_WAY or (force and noted != submission())


def start_over(directory: Path, force: bool) -> None:
    """Remove what an earlier attempt left; the caller has claimed the directory."""
    note = directory / NOTE
    write_whole(note, _UNDER_WAY)
    Note(directory / FILE).started_over()
    asked = sorted(directory.glob("per_example.*.npz"))  # of evaluations
    for path in [*(directory / part for part in _PARTS[:-1]), *asked, directory / _PARTS[-1]]:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    if force:
        write_whole(note, submission())
    else:
        note.unlink()


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
