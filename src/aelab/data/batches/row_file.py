"""Rows of float64 in a file, read one by one at any place: memory holds a batch of them, never the file."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from aelab.machines.atomic_files import write_whole
from aelab.machines.folders import made
from aelab.machines.regular_files import open_regular

OLDER = ".f32"  # how the rows of earlier versions end, in float32


class RowFile:
    """``len(file)`` rows of ``columns`` values; ``labels`` are ``[N]`` or None, ``about`` what the writer said of them.

    ``digests`` name the content, by the type that it is rounded to; they are the same where float32 is enough.
    """

    def __init__(self, path: Path) -> None:
        with open_regular(beside(path, ".json")) as file:
            about = json.load(file)
        self.path = path
        self.columns: int = about["columns"]
        self.dtype = np.dtype(np.float32 if path.suffix == OLDER else np.float64)
        self.digests: dict[str, str] = about.get("digests") or {"float32": about["digest"]}
        self.about: Any = about.get("about")
        labels = beside(path, ".npy")
        self.labels = None
        if labels.exists():
            with open_regular(labels) as file:
                self.labels = np.load(file, allow_pickle=False)

    def __len__(self) -> int:
        return self.path.stat().st_size // (self.dtype.itemsize * self.columns)

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Float64 ``[*rows.shape, columns]``."""
        found = np.empty((rows.size, self.columns), self.dtype)
        width = self.dtype.itemsize * self.columns
        with open_regular(self.path) as file:
            for row, place in zip(found, rows.reshape(-1).tolist(), strict=True):
                os.preadv(file.fileno(), [row.data], place * width)
        return found.astype(np.float64, copy=False).reshape(*rows.shape, self.columns)


def beside(path: Path, suffix: str) -> Path:
    """What lies beside rows: their ``.json``, and the ``.npy`` of their labels."""
    return path.with_suffix(suffix if path.suffix == OLDER else path.suffix + suffix)


def write_rows(path: Path, chunks: Iterable[tuple[np.ndarray, np.ndarray | None]], about: Any = None) -> RowFile:
    """Write float64 ``[n, columns]`` and labels ``[n]`` or None chunk by chunk; the ``.json`` beside it comes last."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    digests = {"float64": hashlib.blake2b(digest_size=8), "float32": hashlib.blake2b(digest_size=8)}
    columns, labels, exact = 0, [], True
    with made(path.parent):
        try:
            with unfinished.open("wb") as file:
                for x, y in chunks:
                    content = np.ascontiguousarray(x, dtype=np.float64)
                    rounded = content.astype(np.float32)
                    columns = content.shape[1]
                    exact = exact and np.array_equal(content, rounded, equal_nan=True)
                    digests["float64"].update(content.data)
                    digests["float32"].update(rounded.data)
                    file.write(content.data)
                    labels += [] if y is None else [y]
            if labels:
                with beside(path, ".npy").open("wb") as file:
                    np.save(file, np.concatenate(labels))
            os.replace(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)
    names = {kind: digests["float32" if exact else kind].hexdigest() for kind in digests}
    write_whole(beside(path, ".json"), json.dumps({"columns": columns, "digests": names, "about": about}))
    return RowFile(path)
