"""Children end with their parent, however it ends: in order, or after a few seconds the hard way."""

from __future__ import annotations

import os
import signal
import threading
import time

PAUSE_S = 0.5
PATIENCE_S = 8.0
"""Seconds that an orphan gets to save; a process that waits for others in C code does not even hear of it."""

_PARENT = "AELAB_PARENT"


def named_parent() -> dict[str, str]:
    """The variable that tells a program of ours, started by this process, whom to follow (``follow_named``)."""
    return {_PARENT: str(os.getpid())}


def follow_named() -> None:
    """Follow the process that started this program, where it asked for that; whoever else did lives his own life."""
    if parent := os.environ.pop(_PARENT, ""):  # not for programs that this one starts
        follow(int(parent))


def follow(parent: int) -> None:
    """End this process once ``parent``, which started it, is gone: SIGTERM, so that its run saves, then SIGKILL.

    The kernel's own PR_SET_PDEATHSIG is Linux's alone, is lost on the way through ``exec`` of some programs and
    comes when the starting *thread* ends; asking twice a second costs nothing.
    """
    threading.Thread(target=_watch, args=(parent,), name="follow-parent", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(PAUSE_S)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(PATIENCE_S)
    os.kill(os.getpid(), signal.SIGKILL)
