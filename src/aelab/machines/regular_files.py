"""Only regular files are opened: no pipe keeps a reader waiting, no device feeds it for ever.

What a name stands for is asked of the open file itself, so that nobody can exchange it between question and answer.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


class NotRegular(OSError):
    """A name that does not stand for a regular file, or for a larger one than may be read."""


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """A file of the user's own, or what a link leads to, open for reading; NotRegular where it is no regular file."""
    if not stat.S_ISREG(os.stat(path).st_mode):  # asked first, because to open some devices is to use them
        raise _not_regular(path)
    return _checked(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), path)


def open_inside(top: Path, *parts: str) -> BinaryIO:
    """The regular file ``top``/``parts``, no part of which is a link, open for reading; NotRegular for any other."""
    with _folder(top, parts[:-1]) as folder:
        try:
            if not stat.S_ISREG(os.stat(parts[-1], dir_fd=folder, follow_symlinks=False).st_mode):
                raise _not_regular(top.joinpath(*parts))
            flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
            return _checked(os.open(parts[-1], flags, dir_fd=folder), top.joinpath(*parts))
        except NotRegular:
            raise
        except OSError as error:
            raise _named(error, top.joinpath(*parts)) from None


def read_inside(top: Path, *parts: str, limit: int) -> bytes:
    """The content of such a file; NotRegular where it has more than ``limit`` bytes."""
    with open_inside(top, *parts) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise NotRegular(f"{top.joinpath(*parts)}: larger than the {limit:,} bytes that are read of it")
    return content


def list_inside(top: Path, *parts: str) -> list[str]:
    """The names of the regular files in the folder ``top``/``parts``, sorted; none where it is a link or not there."""
    try:
        with _folder(top, parts) as folder, os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if entry.is_file(follow_symlinks=False))
    except OSError:
        return []


@contextmanager
def _folder(top: Path, parts: tuple[str, ...]) -> Iterator[int]:
    """A descriptor of a folder that is reached from ``top`` without a link."""
    folder = os.open(top, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for index, part in enumerate(parts, 1):
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            try:
                inner = os.open(part, flags, dir_fd=folder)
            except OSError as error:
                raise _named(error, top.joinpath(*parts[:index])) from None
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)


def _checked(descriptor: int, path: str | os.PathLike[str]) -> BinaryIO:
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    raise _not_regular(path)


def _not_regular(path: str | os.PathLike[str]) -> NotRegular:
    return NotRegular(f"{os.fspath(path)}: not a regular file, and only such are read")


def _named(error: OSError, path: Path) -> OSError:
    return OSError(error.errno, error.strerror, str(path))
