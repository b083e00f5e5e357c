"""SIGINT, SIGTERM and SIGUSR1 end a run in order: checkpoint, manifest, exit; the same command resumes it."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

PATIENCE_S = 2.5
"""Seconds a batch may take to end before the run is stopped in the middle of it."""

ECHO_S = 2.0
"""A terminal tells all processes of a sweep, which hands on what it was told: for so long that is one signal."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


class Interrupted(BaseException):
    """The run was asked to stop. No KeyboardInterrupt: Lightning would turn that into an exit of its own."""

    def __init__(self, signum: int) -> None:
        super().__init__(f"received {signal.Signals(signum).name}")
        self.signum = signum


_heard = -math.inf


def is_echo() -> bool:
    """Whether a signal that comes now repeats one of a moment ago; asked by every handler, of every signal."""
    global _heard
    now = time.monotonic()
    if now - _heard < ECHO_S:
        return True
    _heard = now
    return False


class Interruption:
    """What was asked of this process. ``signum``: the signal, None before one came.

    ``in_batches``: whether training is under way, which looks at ``signum`` where a batch ends and saves before
    it stops; elsewhere a signal stops at once, and so does a second one (no echo), or a batch that takes too long.
    """

    def __init__(self) -> None:
        self.signum: int | None = None
        self.in_batches = False
        self.before: dict[int, Any] = {}

    def install(self) -> None:
        """Become the handler of the signals; again, where Lightning has put its own in between."""
        if threading.current_thread() is not threading.main_thread():
            return
        signals = list(SIGNALS)
        if callable(signal.getsignal(signal.SIGUSR2)):  # submitit's
            signals.append(signal.SIGUSR2)
        for signum in signals:
            handler = signal.signal(signum, self._receive)
            self.before.setdefault(signum, handler)

    def uninstall(self) -> None:
        """Give the signals back to whoever had them."""
        if threading.current_thread() is threading.main_thread():
            signal.setitimer(signal.ITIMER_REAL, 0)
            for signum, handler in self.before.items():
                signal.signal(signum, handler)

    def _receive(self, signum: int, frame: FrameType | None) -> None:
        if signum != signal.SIGALRM and is_echo():
            return
        first = self.signum is None
        self.signum = self.signum or signum
        if not (first and self.in_batches):
            raise Interrupted(self.signum)
        signal.signal(signal.SIGALRM, self._receive)
        signal.setitimer(signal.ITIMER_REAL, PATIENCE_S)

    def pass_on(self) -> None:
        """Call the handler that was there before ours: a scheduler's, which may put the job in its queue again."""
        handler = self.before.get(self.signum or 0)
        if callable(handler) and handler is not signal.default_int_handler:
            handler(self.signum, None)


_current = Interruption()


def current() -> Interruption:
    """The interruption of the run that this process is at."""
    return _current


@contextmanager
def interruptible(interruption: Interruption) -> Iterator[None]:
    """Within it, a signal ends in Interrupted; the handlers from before are back behind it."""
    global _current
    _current = interruption
    interruption.install()
    try:
        yield
    finally:
        interruption.uninstall()
        _current = Interruption()
