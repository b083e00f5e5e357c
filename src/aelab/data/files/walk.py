"""The files under a folder, each real one once, whatever links lead to it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

Place = tuple[int, int]  # device and inode


def walk(folder: Path, wanted: Callable[[str], bool]) -> tuple[list[str], int]:
    """Paths relative to ``folder`` with ``/``, sorted, nothing hidden; and how many are others by another name.

    A file or folder that is reached twice, by links of any kind or by a link to a folder above it, counts once: by the
    name that is ``wanted`` and has no symbolic link in it, where there is one, else by the first in the alphabet.
    """
    files, links = list[str](), list[str]()
    seen: set[Place] = set()
    real, linked = [""], list[str]()
    while real or linked:
        through_link = not real
        inner = (real or linked).pop(0)
        place = _place(folder / inner)
        if place is None or place in seen:
            continue
        seen.add(place)
        for name, is_folder, is_link in _entries(folder / inner):
            path = f"{inner}/{name}" if inner else name
            is_link = is_link or through_link
            (linked if is_link else real, links if is_link else files)[not is_folder].append(path)
    found: dict[tuple[Place, bool], str] = {}
    for path in [*sorted(files), *sorted(links)]:
        found.setdefault((_place(folder / path) or (-1, len(found)), wanted(path)), path)
    return sorted(found.values()), len(files) + len(links) - len(found)


def _entries(folder: Path) -> list[tuple[str, bool, bool]]:
    """Names in a folder that are not hidden, and whether each is a folder and a link."""
    try:
        with os.scandir(folder) as scanned:
            return sorted((e.name, _is_folder(e), e.is_symlink()) for e in scanned if e.name[0] != ".")
    except OSError:
        return []


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
