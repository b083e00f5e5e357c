"""A run's directory is a place of its own: nothing in it may lead whoever reads or writes there to another."""

from __future__ import annotations

import os
from pathlib import Path

from aelab.errors import UserError

FILES = (".json", ".jsonl", ".log", ".npz", ".png")


def check_contained(directory: Path) -> None:
    """Raise UserError for a link that leads out of a directory, at any depth, and for pipes and devices in it.

    Also for a folder that has the name of a file.

    In a directory that somebody else made, a link could have a file of the reader's shown in a report, or
    overwritten by the next checkpoint.
    """
    try:
        found = _leading_out(os.fspath(directory), os.path.realpath(directory))
    except FileNotFoundError:  # nothing is there yet, or another process has just taken it away
        return
    if found:
        where = os.path.relpath(found, directory)
        kind = f"a link to {os.path.realpath(found)}" if os.path.islink(found) else "not a file"
        raise UserError(f"{directory}: {where} is {kind}, which no run makes, and is not followed; remove it")


def _leading_out(folder: str, top: str) -> str | None:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink():
                leads_to = os.path.realpath(entry.path)
                if os.path.commonpath([top, leads_to]) != top or os.path.islink(leads_to):  # a loop of links
                    return entry.path
            elif entry.is_dir():
                if entry.name.endswith(FILES):
                    return entry.path
                if inner := _leading_out(entry.path, top):
                    return inner
            elif not entry.is_file() and os.path.lexists(entry.path):
                return entry.path
    return None
