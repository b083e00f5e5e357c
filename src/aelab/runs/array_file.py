"""Arrays by name in a ``.npz`` of a run: written whole or not at all, and read without trusting it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from aelab.machines.atomic_files import write_whole
from aelab.machines.regular_files import read_inside

_UNREADABLE = (
    OSError, ValueError, KeyError, EOFError, MemoryError, RuntimeError, NotImplementedError, zipfile.BadZipFile,
)  # fmt: skip


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write them to ``path``, nothing in them pickled."""
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **arrays)
    write_whole(path, content.getvalue())


def read_arrays(directory: Path, file: str, prefix: str, limit: int) -> dict[str, np.ndarray]:
    """The arrays of a run's file whose names begin with ``prefix``, under the rest of their names.

    ``limit``: bytes of the file, and of all its arrays. Empty where there is no such file, or one that no run writes.
    """
    try:
        content = io.BytesIO(read_inside(directory, file, limit=limit))
        with zipfile.ZipFile(content) as archive:
            if sum(info.file_size for info in archive.infolist()) > limit:
                return {}
        with np.load(content, allow_pickle=False) as arrays:
            return {name.removeprefix(prefix): arrays[name] for name in arrays.files if name.startswith(prefix)}
    except _UNREADABLE:
        return {}
