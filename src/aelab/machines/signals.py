"""A signal to a process that only waits for others is handed on to them, once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)


@contextmanager
def handing_on(send: Callable[[int], None]) -> Iterator[None]:
    """Within it, the first signal goes to ``send``, and those of somebody impatient change nothing.

    What this process was told to ignore (``nohup``) it ignores as before.
    """
    handed_on = False

    def receive(signum: int, frame: FrameType | None) -> None:
        nonlocal handed_on
        if not handed_on:
            handed_on = True
            send(signum)

    before = {}
    if threading.current_thread() is threading.main_thread():
        heard = [signum for signum in SIGNALS if signal.getsignal(signum) is not signal.SIG_IGN]
        before = {signum: signal.signal(signum, receive) for signum in heard}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
