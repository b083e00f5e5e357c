"""Folders that are made for something and are gone again where nothing came of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def standing(folder: Path) -> Path:
    """The folder, or the nearest one above it, that is there."""
    return next(each for each in (folder, *folder.parents) if each.exists())


def clear(folder: Path, stood: Path) -> None:
    """Remove the folder and those above it, up to the one that was there before, as far as they are empty."""
    for each in (folder, *folder.parents):
        if each == stood:
            return
        try:
            each.rmdir()
        except OSError:
            return


@contextmanager
def made(folder: Path) -> Iterator[None]:
    """The folder is there within; afterwards it, and what had to be made for it, only where something is in it."""
    stood = standing(folder)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        clear(folder, stood)
