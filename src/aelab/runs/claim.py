"""One process at a time owns a run's directory: a lock, and a heartbeat where a lock is not to be trusted."""

from __future__ import annotations

import fcntl
import os
import platform
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from aelab.errors import UserError
from aelab.machines.regular_files import open_inside
from aelab.runs.containment import check_contained
from aelab.runs.heartbeat import Heartbeat

LOCK = ".lock"

_owned: dict[Path, Claim] = {}


class Held(UserError):
    """Another process is at this run."""


class Lost(UserError):
    """This process no longer owns the directory that it is at, and may not write there."""


class Claim:
    """What the owner of a directory has of it: the open lock and a heartbeat."""

    def __init__(self, directory: Path, lock: IO[str], heartbeat: Heartbeat, handed_on: bool) -> None:
        self.directory = directory
        self.handed_on = handed_on
        self.lock = lock
        self.heartbeat = heartbeat

    def check(self) -> None:
        """Raise Lost where the lock was removed, or another process has taken the directory in spite of it."""
        if not _is_at(self.directory / LOCK, self.lock):
            raise Lost(
                f"{self.directory / LOCK}: was removed while this process was at the run; it stops and writes no more, "
                "since another may be at it now; the same command goes on"
            )
        if self.heartbeat.stolen:
            raise Lost(
                f"{self.directory}: {self.heartbeat.stolen} has taken this run, so this process stops and writes no "
                "more; its file system does not lock, so put the runs elsewhere with paths.outputs=..."
            )


def check_owned(path: Path) -> None:
    """Raise Lost where ``path`` lies in a directory that this process claimed and has lost."""
    place = Path(os.path.abspath(path))
    for directory, claim in list(_owned.items()):
        if place.is_relative_to(directory):
            claim.check()


@contextmanager
def claim(directory: Path, wait: bool = False, hand_on: bool = False) -> Iterator[None]:
    """Own a run's directory; the kernel gives the claim back when its owner dies, however it dies.

    ``hand_on``: until the end, whoever claims it in this process shares the claim, such as the run of a stack's fit.
    Raises Held where another process has it, unless ``wait``; UserError where something in it leads out of it or its
    file system has no locks.
    """
    place = Path(os.path.abspath(directory))
    own = _owned.get(place)
    if own and own.handed_on:
        own.check()
        yield
        return
    with ExitStack() as stack:
        lock = stack.enter_context(_locked(directory, wait))
        heartbeat = stack.enter_context(_alone(directory, wait))
        lock.truncate(0)
        lock.write(f"process {os.getpid()} on {platform.node()}")
        lock.flush()
        _owned[place] = Claim(directory, lock, heartbeat, hand_on)
        stack.callback(_owned.pop, place)
        yield


@contextmanager
def _locked(directory: Path, wait: bool) -> Iterator[IO[str]]:
    """The lock of a directory, open and locked, and still the one that lies there: some take their directories away."""
    path = directory / LOCK
    while True:
        directory.mkdir(parents=True, exist_ok=True)
        check_contained(directory)
        with path.open("a+") as lock:
            if not _lock(path, lock, wait):
                lock.seek(0)
                raise Held(f"{directory}: held by {lock.read().strip() or 'another process'}, which is running it now")
            if _is_at(path, lock):
                yield lock
                return


def _lock(path: Path, lock: IO[str], wait: bool) -> bool:
    for pause in (0.02, 0.02, 0.02, None):  # whoever only asks whether it is held has it for an instant
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            return True
        except BlockingIOError:
            if pause:
                time.sleep(pause)
        except OSError as error:
            raise UserError(
                f"{path}: cannot be locked ({error.strerror}), so nothing keeps two processes from one run; have the "
                "file system mounted with locks, or put the runs on another with paths.outputs=..."
            ) from error
    return False


def _is_at(path: Path, file: IO[str]) -> bool:
    """Whether an open file is still the one that a path names."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(file.fileno()))
    except OSError:
        return False


@contextmanager
def _alone(directory: Path, wait: bool) -> Iterator[Heartbeat]:
    """A heartbeat of this process, once nobody else's is heard; some file systems grant a lock to everybody."""
    heartbeat = Heartbeat(directory)
    while owner := heartbeat.heard():
        if not wait:
            raise Held(f"{directory}: held by {owner}, which is running it now")
        time.sleep(0.2)
    with heartbeat:
        yield heartbeat


def is_held(directory: Path) -> bool:
    """Whether a process, here or on another machine that shares the file system, is at this run."""
    try:
        with open_inside(directory, LOCK) as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return Heartbeat(directory).seems_alive()
