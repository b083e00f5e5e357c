"""The files under a folder, each real one once, whatever links lead to it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ASIDE = ("__MACOSX", "@eaDir", "lost+found")  # what systems put beside people's files
Place = tuple[int, int]  # device and inode


class Walk(NamedTuple):
    """``files``: relative to the folder with ``/``, sorted. ``again``: names that lead to one of them, too.
    ``folders_again``: links to a folder that was gone through. ``broken``: what leads nowhere or cannot be opened."""

    files: list[str]
    again: list[str]
    folders_again: list[str]
    broken: list[str]

    @property
    def said(self) -> list[str]:
        """What of it the user should know."""
        lines = [
            (self.again, "name{s} of files that are there already, by links"),
            (self.folders_again, "link{s} to folders that are there already"),
            (self.broken, "name{s} that cannot be opened or lead nowhere"),
        ]
        return [
            f"left out {len(names)} {text.format(s='s' * (len(names) > 1))}, such as {names[0]}"
            for names, text in lines
            if names
        ]


def walk(folder: Path, wanted: Callable[[str], bool]) -> Walk:
    """The files under a folder, nothing hidden.

    A file or folder that is reached twice, by links of any kind or by a link to a folder above it, counts once: by the
    name that is ``wanted`` and has no symbolic link in it, where there is one, else by the first in the alphabet.
    """
    files = list[str]()
    links = list[str]()
    seen: set[Place] = set()
    real = [""]
    linked = list[str]()
    folders_again = list[str]()
    broken = list[str]()
    while real or linked:
        through_link = not real
        inner = (real or linked).pop(0)
        place = _place(folder / inner)
        entries = None if place is None or place in seen else _entries(folder / inner)
        if place is None or entries is None:
            (folders_again if place in seen else broken).append(inner)
            continue
        seen.add(place)
        for name, is_folder, is_link in entries:
            path = f"{inner}/{name}" if inner else name
            is_link = is_link or through_link
            (linked if is_link else real, links if is_link else files)[not is_folder].append(path)
    found: dict[tuple[Place, bool], str] = {}
    again = list[str]()
    for path in [*sorted(files), *sorted(links)]:
        at = _place(folder / path)
        if at is None:
            broken.append(path)
        elif found.setdefault((at, wanted(path)), path) != path:
            again.append(path)
    return Walk(sorted(found.values()), sorted(again), sorted(folders_again), sorted(broken))


def _entries(folder: Path) -> list[tuple[str, bool, bool]] | None:
    """Names in a folder that are not hidden, and whether each is a folder and a link; None where it is closed to us."""
    try:
        with os.scandir(folder) as scanned:
            return sorted((e.name, _is_folder(e), e.is_symlink()) for e in scanned if not _hidden(e.name))
    except OSError:
        return None


def _hidden(name: str) -> bool:
    return name[0] == "." or name in ASIDE


def _place(path: Path) -> Place | None:
    try:
        stat = os.stat(path)
    except OSError:  # a link to nothing, or a loop of links
        return None
    return stat.st_dev, stat.st_ino


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a loop of links
        return False
