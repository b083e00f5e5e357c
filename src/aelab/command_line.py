"""How a program that is no training ends: one line for whatever went wrong, and the exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from aelab.errors import UserError

_failures: list[str] = []


@contextmanager
def told_in_one_line() -> Iterator[None]:
    """Around all that a Hydra application does, since Hydra adds lines of its own to what it raises."""
    try:
        yield
    except UserError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        _failures.append(str(error))


def exit_status(application: Callable[[], None]) -> int:
    """Run a Hydra application: 0, or 1 where it failed, 130 where it was interrupted."""
    from aelab.explain import explain

    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    trace_wanted = os.environ.get("HYDRA_FULL_ERROR") == "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then hands its exceptions to us instead of printing them
    _failures.clear()
    try:
        application()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        if trace_wanted:
            raise
        print(explain(error), file=sys.stderr)
        return 1
    return 1 if _failures else 0
