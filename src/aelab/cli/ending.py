"""How a program ends: one line for whatever went wrong, and the exit status."""

from __future__ import annotations

import atexit
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from aelab.errors import UserError, plain

failures: list[str] = []  # what went wrong in this process

endings: list[Callable[[], object]] = []  # what is to be done when the application ends, however it ends


@contextmanager
def told_in_one_line() -> Iterator[None]:
    """Around all that a Hydra application does, since Hydra adds lines of its own to what it raises."""
    try:
        yield
    except UserError as error:
        print(error, file=sys.stderr)
        failures.append(str(error))


def exit_status(application: Callable[[], object], name: str) -> int:
    """Run a Hydra application: 0, or 1 where it failed, 128 and the signal's number where it was interrupted.

    ``name``: that of its config, whose keys ``--help`` explains.
    """
    from aelab.cli.helping import help_of
    from aelab.config.explain import explain

    if text := help_of(name, sys.argv[1:]):
        print(text)
        return 0
    # waiting threads that spin make a step 5 to 20 times slower as soon as another process wants a core
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    trace_wanted = os.environ.get("HYDRA_FULL_ERROR") == "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then hands its exceptions to us instead of printing them
    failures.clear()
    try:
        application()
    except KeyboardInterrupt as interruption:
        # another Ctrl-C, of somebody impatient, is not to change how the process ends
        atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)
        print(plain(str(interruption)) or "interrupted", file=sys.stderr)
        return 128 + getattr(interruption, "signum", signal.SIGINT)
    except Exception as error:
        if trace_wanted:
            raise
        print(plain(explain(error)), file=sys.stderr)
        return 1
    finally:
        while endings:
            endings.pop()()
    return 1 if failures else 0
