"""A run that is refused leaves nothing."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from aelab.errors import UserError
from aelab.runs.claim import LOCK, claim
from aelab.runs.heartbeat import FILE as HEARTBEAT
from aelab.runs.manifest import LEFT

NOT_BEGUN = {".hydra", "train.log", LOCK, LEFT, HEARTBEAT}  # all that there is of a run that has not begun


def forget(directory: Path) -> None:
    """Take a run's directory away where nothing has begun in it; one that holds an earlier attempt stays as it is."""
    with suppress(OSError, UserError), claim(directory):
        if {path.name for path in directory.iterdir()} <= NOT_BEGUN:
            shutil.rmtree(directory)
