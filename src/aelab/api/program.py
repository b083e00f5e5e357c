"""A program of aelab's own, for what a notebook's process cannot do: it has threads, and workers are forked.

It hears what stops this process, ends with it, and hands it its messages and how far it is.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from aelab.errors import UserError, plain
from aelab.machines.bar import TOLD, Relay, named
from aelab.machines.orphans import named_parent
from aelab.machines.signals import handing_on

BLOCK = 2**16


def finished(words: Sequence[str], kind: str) -> Path:
    """Give a command to ``python -m aelab``; the directory that its line ``<kind>: <directory>`` names.

    What it says on stderr is said here, too. Raises UserError, its last line, where there is none; KeyboardInterrupt
    where it was stopped.
    """
    status, out, err = _done([sys.executable, "-m", "aelab", *words])
    told = [line.removeprefix(f"{kind}: ") for line in out if line.startswith(f"{kind}: ")]
    if status < 0 or status >= 128:
        signum = -status if status < 0 else status - 128
        if signum == signal.SIGKILL:
            raise UserError("ended by SIGKILL, perhaps out of memory; the same call goes on where it was")
        raise KeyboardInterrupt(err[-1] if err else "interrupted; the same call goes on")
    if not told:
        raise UserError(err[-1] if err else f"ended with exit status {status}, without a word")
    return Path(told[-1])


def _done(command: list[str]) -> tuple[int, list[str], list[str]]:
    """Exit status and the lines of stdout and stderr."""
    hear, tell = os.pipe()
    environment = {**os.environ, **named_parent(), TOLD: named(tell), "PYTHONUNBUFFERED": "1"}
    try:
        program = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, pass_fds=(tell,)
        )
    finally:
        os.close(tell)
    relay = Relay()
    found = dict.fromkeys(("out", "err"), b"")
    try:
        with program, handing_on(program.send_signal), selectors.DefaultSelector() as pipes:
            for name, pipe in (("out", program.stdout), ("err", program.stderr), ("bar", hear)):
                assert pipe is not None
                pipes.register(pipe, selectors.EVENT_READ, name)
            while {key.data for key in pipes.get_map().values()} & found.keys():
                for key, _ in pipes.select():
                    block = os.read(key.fd, BLOCK)
                    if not block:
                        pipes.unregister(key.fileobj)
                    elif key.data == "bar":
                        relay.hear(block)
                    else:
                        found[key.data] += block
                        if key.data == "err":
                            sys.stderr.write(block.decode(errors="replace"))
            status = program.wait()
    finally:
        relay.close()
        os.close(hear)
    out, err = (
        [plain(line) for line in text.decode(errors="replace").splitlines() if line.strip()] for text in found.values()
    )
    return status, out, err
