"""``aelab``: one command for all programs; ``aelab train``, ``aelab sweep``, ..."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from aelab.errors import plain

COMMANDS = {
    "train": ("aelab.cli.train", "train", "train one run; a sweep of them with -m"),
    "sweep": ("aelab.cli.train", "train", "the same as train -m: every combination of values, compared at the end"),
    "compare": ("aelab.cli.compare", "main", "finished runs side by side: table, figures, report.html"),
    "evaluate": ("aelab.cli.evaluate", "main", "ask a finished run what its code is good for"),
    "score": ("aelab.cli.score", "main", "score new rows, arrays or pictures by a finished run"),
    "export": ("aelab.cli.export", "main", "a finished run as one file: ONNX, torch.export, codes"),
    "reproduce": ("aelab.cli.reproduce", "main", "papers' experiments, and their figures beside ours"),
    "doctor": ("aelab.cli.doctor", "main", "versions, devices, W&B, disk and data: for a bug report"),
}
"""Module, function and what it does."""

KEYED = ("train", "sweep", "evaluate", "score", "export")  # those that take key=value


def main() -> int:
    """The command line; returns the exit status. Without a command's name ``key=value`` is of ``train``."""
    words = sys.argv[1:]
    first = words[0] if words else "--help"
    if len(words) < 2 and first in ("--help", "-h", "--version"):
        print(_version() if first == "--version" else "\n".join(_overview()))
        return 0
    if first in ("-sc", "--shell-completion") and len(words) == 2 and words[1].startswith("query="):
        return _complete(words)
    if first in COMMANDS:
        more = ["-m"] if first == "sweep" and not {"-m", "--multirun"} & set(words) else []
        return _begin(first, [*more, *words[1:]])
    if first[:1].isalpha() and "=" not in first:
        near = difflib.get_close_matches(first, COMMANDS, 1)
        meant = f", did you mean {near[0]}?" if near else ""
        print(plain(f"aelab {first}: no such command{meant}; choose {', '.join(COMMANDS)}"), file=sys.stderr)
        return 2
    return _begin("train", words)


def _begin(name: str, words: Sequence[str]) -> int:
    module, function, _ = COMMANDS[name]
    sys.argv[1:] = words
    program: Callable[[], int] = getattr(import_module(module), function)
    return program()


def _complete(words: Sequence[str]) -> int:
    """What may stand where a shell's cursor is: a command's name, then what Hydra knows of that command."""
    program, *typed = os.environ.get("COMP_LINE", "").split(" ")
    if len(typed) < 2:
        print(" ".join(COMMANDS))
        return 0
    if typed[0] in COMMANDS and typed[0] not in KEYED:
        return 0  # files
    named = typed[0] in KEYED
    os.environ["COMP_LINE"] = " ".join([program, *typed[named:]])
    return _begin(typed[0] if named else "train", words)


def _version() -> str:
    from aelab import __version__

    return f"aelab {__version__}"


def _overview() -> list[str]:
    lines = [f"  {name:<10} {what}" for name, (_, _, what) in COMMANDS.items()]
    return [
        f"{_version()}: trains autoencoders from composed configs and measures where their error comes from",
        "",
        "usage: aelab COMMAND [key=value ...]",
        *lines,
        "",
        "aelab COMMAND --help says what it takes; aelab key=value is aelab train key=value",
    ]
