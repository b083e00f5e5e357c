"""Rows of float32 in a file, read one by one at any place: memory holds a batch of them, never the file."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from aelab.machines.regular_files import open_regular
from aelab.tracking.atomic import write_whole
from aelab.tracking.folders import made


class RowFile:
    """``len(file)`` rows of ``columns`` values; ``digest`` names its content, ``labels`` are ``[N]`` or None."""

    def __init__(self, path: Path) -> None:
        with open_regular(path.with_suffix(".json")) as file:
            about = json.load(file)
        self.path = path
        self.columns: int = about["columns"]
        self.digest: str = about["digest"]
        labels = path.with_suffix(".npy")
        self.labels = None
        if labels.exists():
            with open_regular(labels) as file:
                self.labels = np.load(file, allow_pickle=False)

    def __len__(self) -> int:
        return self.path.stat().st_size // (4 * self.columns)

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Float32 ``[*rows.shape, columns]``."""
        found = np.empty((rows.size, self.columns), np.float32)
        width = 4 * self.columns
        with open_regular(self.path) as file:
            for row, place in zip(found, rows.reshape(-1).tolist(), strict=True):
                os.preadv(file.fileno(), [row.data], place * width)
        return found.reshape(*rows.shape, self.columns)


def write_rows(path: Path, chunks: Iterable[tuple[np.ndarray, np.ndarray | None]]) -> RowFile:
    """Write float32 ``[n, columns]`` and labels ``[n]`` or None chunk by chunk; the ``.json`` beside it comes last."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    digest, columns, labels = hashlib.blake2b(digest_size=8), 0, []
    with made(path.parent):
        try:
            with unfinished.open("wb") as file:
                for x, y in chunks:
                    content = np.ascontiguousarray(x, dtype=np.float32)
                    columns = content.shape[1]
                    digest.update(content.data)
                    file.write(content.data)
                    labels += [] if y is None else [y]
            if labels:
                with path.with_suffix(".npy").open("wb") as file:
                    np.save(file, np.concatenate(labels))
            os.replace(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)
    write_whole(path.with_suffix(".json"), json.dumps({"columns": columns, "digest": digest.hexdigest()}))
    return RowFile(path)
