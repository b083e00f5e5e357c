"""A forked process that does jobs one after the other, so that what they import is imported once."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from types import FrameType
from typing import Any, NamedTuple

from aelab.machines.interruption import SIGNALS as STOPPING
from aelab.machines.interruption import is_echo
from aelab.machines.orphans import follow
from aelab.machines.signals import SIGNALS


class Done(NamedTuple):
    """What a job returned."""

    result: Any


class Stopped(NamedTuple):
    """A job that a signal ended in order, and its worker with it."""

    signum: int


class Died(NamedTuple):
    """A job whose worker is gone without a word.

    ``status``: the exit status, or minus the number of a signal; None where nobody knows it.
    """

    status: int | None

    def __str__(self) -> str:
        if self.status is None:
            return "its process is gone, perhaps out of memory"
        if self.status >= 0:
            return f"its process ended with exit status {self.status}"
        name = signal.Signals(-self.status).name
        return f"its process was ended by {name}" + ", perhaps out of memory" * (name == "SIGKILL")


Answer = Done | Stopped | Died


class Worker:
    """The parent's side. ``job``: what it is at, None while it is idle.

    It is forked and not spawned: the parent, which has read the config and imported no torch, is small and has one
    thread, and what it knows need not be pickled. ``others``: connections to workers from before, which are none of
    this one's business and would outlive the parent in it.
    """

    def __init__(self, work: Callable[[Any], Any], others: Sequence[Connection]) -> None:
        self.job: Any = None
        self.status: int | None = None
        self.connection, theirs = multiprocessing.Pipe()
        parent = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        with _unheard():  # until the child has handlers of its own, the parent's would run in it
            self.pid = os.fork()
            if not self.pid:
                for connection in (self.connection, *others):
                    connection.close()
                _live(parent, theirs, work)
        theirs.close()

    def begin(self, job: Any) -> bool:
        """Give it a job; whether it was there to take it."""
        if not self.is_alive():
            return False
        self.job = job
        try:
            self.connection.send(job)
        except OSError:
            self.job = None
            return False
        return True

    def answer(self) -> Answer | None:
        """What became of the job, None while it goes on.

        The process is asked for as well as the pipe, which a child of a dead worker may keep open.
        """
        alive = self.is_alive()
        try:
            if self.connection.poll():
                answer: Answer = self.connection.recv()
                return answer
        except (EOFError, OSError):  # it is dying
            return Died(self.end(5.0))
        return None if alive else Died(self.status or 0)

    def is_alive(self) -> bool:
        """Whether the process is there; its exit status is kept."""
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.status = os.waitstatus_to_exitcode(status) if pid else None
        return self.status is None

    def send_signal(self, signum: int) -> None:
        """Nothing happens where the process is gone."""
        if self.is_alive():
            os.kill(self.pid, signum)

    def end(self, seconds: float) -> int:
        """Let it go: an idle worker leaves as soon as nobody can give it a job. Returns its exit status."""
        self.connection.close()
        deadline = time.monotonic() + seconds
        while self.is_alive():
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
            time.sleep(0.005)
        return self.status or 0


@contextmanager
def _unheard() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# --- the worker's side ---


def _live(parent: int, connection: Connection, work: Callable[[Any], Any]) -> None:
    """All that the child does; it never returns into what the parent was about to do."""
    status = 1
    try:
        atexit._clear()  # the parent's; those that are registered from here on are the child's own (W&B's)
        calls = _Calls()
        for signum in STOPPING:
            signal.signal(signum, calls.receive)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a terminal's; the sweep hands it on as SIGTERM
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        follow(parent)
        _serve(connection, work, calls)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(BaseException):
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


class _Calls:
    """What a worker hears while its run does not listen: before, between and after runs."""

    def __init__(self) -> None:
        self.signum: int | None = None
        self.at_work = False

    def receive(self, signum: int, frame: FrameType | None) -> None:
        if is_echo():
            return
        self.signum = signum
        if self.at_work:
            raise KeyboardInterrupt


def _serve(connection: Connection, work: Callable[[Any], Any], calls: _Calls) -> None:
    while True:
        calls.at_work = False
        try:
            job = connection.recv()
        except (EOFError, OSError):  # the parent has no more jobs, or is gone
            return
        answer: Answer
        try:
            calls.at_work = True
            if calls.signum is not None:
                raise KeyboardInterrupt
            answer = Done(work(job))
        except KeyboardInterrupt as stop:
            calls.at_work = False
            answer = Stopped(getattr(stop, "signum", None) or calls.signum or signal.SIGINT)
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        try:
            connection.send(answer)
        except OSError:
            return
        if isinstance(answer, Stopped):
            return
