"""One line that says how far something is: on a terminal and in a notebook; silence elsewhere.

A process that was started by aelab from Python hands what it would show to that one, which has the notebook.
"""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import suppress
from html import escape
from typing import Any

from aelab.errors import plain

TOLD = "AELAB_PROGRESS"  # in the environment of a program that Python started: the pipe that takes it (``named``)
EVERY_S = 0.2

_shown: Bar | None = None  # also in processes that were forked since, which stay silent beside it


class Bar:
    """``show(done, words)`` of ``total``; a second bar beside an open one stays silent."""

    def __init__(self, title: str, total: float) -> None:
        global _shown
        self.title = title
        self.total = max(total, 1e-9)
        self.began = time.monotonic()
        self.last = -EVERY_S
        self.start: float | None = None
        self.draw = None if _shown else _place()
        if self.draw:
            _shown = self

    def show(self, done: float, words: str = "") -> None:
        """Draw it anew, at most five times a second."""
        now = time.monotonic()
        if self.start is None:
            self.start = done
            self.began = now
        if not self.draw or now - self.last < EVERY_S:
            return
        self.last = now
        gone = done - self.start
        left = (now - self.began) * (self.total - done) / gone if gone > 0 else None
        self.draw(self.title, done / self.total, " ".join(filter(None, (words, left_in_words(left)))))

    def close(self) -> None:
        """Take it away."""
        global _shown
        if _shown is self:
            _shown = None
            if self.draw:
                self.draw("", 1.0, "")
        self.draw = None


def left_in_words(seconds: float | None) -> str:
    """`2 min left`."""
    if seconds is None or seconds > 100 * 86400:
        return ""
    if seconds < 90:
        return f"{seconds:.0f} s left"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min left"
    return f"{seconds / 3600:.1f} h left"


def _place() -> Any:
    """Where this process shows something; None where nobody looks."""
    if name := os.environ.get(TOLD):
        pipe = int(name.partition(":")[0])
        return _told(pipe) if named(pipe) == name else None
    if in_notebook():
        return _Notebook()
    return _on_terminal if sys.stderr is not None and sys.stderr.isatty() else None


def named(pipe: int) -> str:
    """Its number, and what tells it from another file that has this number in a process further down."""
    try:
        return f"{pipe}:{os.fstat(pipe).st_ino}"
    except OSError:
        return ""


def in_notebook() -> bool:
    """Whether a Jupyter kernel runs this."""
    found = sys.modules.get("IPython")
    shell = found.get_ipython() if found else None
    return shell is not None and hasattr(shell, "kernel")


def _on_terminal(title: str, part: float, words: str) -> None:
    """One line, over which whatever is printed next is written."""
    width = 20
    full = round(width * min(1.0, max(0.0, part)))
    line = plain(f"{'━' * full}{'╌' * (width - full)} {title} {words}", 78) if title else ""
    with suppress(OSError, UnicodeEncodeError):
        sys.stderr.write(f"\x1b[2K{line}\r")
        sys.stderr.flush()


def _told(pipe: int) -> Any:
    def tell(title: str, part: float, words: str) -> None:
        with suppress(OSError):
            os.write(pipe, (json.dumps([title, part, words]) + "\n").encode())

    return tell


class _Notebook:
    """An output of a cell that changes."""

    def __init__(self) -> None:
        self.handle: Any = None

    def __call__(self, title: str, part: float, words: str) -> None:
        from IPython.display import HTML, display  # type: ignore[import-not-found]

        bar = f'<progress value="{part:.4f}" max="1"></progress> {escape(plain(f"{title} {words}"))}'
        html = HTML(bar if title else "")
        if self.handle:
            self.handle.update(html)
        elif title:
            self.handle = display(html, display_id=True)


class Relay:
    """The bar of a program that Python started, drawn here from what it told."""

    def __init__(self) -> None:
        self.draw = _place()
        self.rest = b""

    def hear(self, told: bytes) -> None:
        """Draw the last whole line of what came."""
        *lines, self.rest = (self.rest + told).split(b"\n")
        if lines and self.draw:
            with suppress(ValueError, TypeError):
                title, part, words = json.loads(lines[-1])
                self.draw(str(title), float(part), str(words))

    def close(self) -> None:
        if self.draw:
            self.draw("", 1.0, "")
