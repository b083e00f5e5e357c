"""A file is written whole or not at all."""

import os
import platform
import re
import shutil
from pathlib import Path


def write_whole(path: Path, content: str | bytes) -> Path:
    """Write beside `path` and move into place, so that a reader never meets half a file."""
    data = content.encode("utf-8", errors="replace") if isinstance(content, str) else content
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = unfinished_of(path)
    try:
        unfinished.write_bytes(data)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def unfinished_of(path: Path) -> Path:
    """Where this process may write what becomes `path`; what a process that was killed left of it is removed.

    Processes of other machines may be at the same file, so their names differ and theirs are left alone.
    """
    host = re.sub(r"\W", "-", platform.node())[:40]
    pattern = re.compile(rf"\.{re.escape(path.name)}\.(\d+)\.{host}\.tmp")
    for name in os.listdir(path.parent):
        found = pattern.fullmatch(name)
        if found and not _lives(int(found[1])):
            left = path.with_name(name)
            shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink(missing_ok=True)
    return path.with_name(f".{path.name}.{os.getpid()}.{host}.tmp")


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # somebody else's
    return True
