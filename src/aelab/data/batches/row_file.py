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
BESIDE = {"labels": ".npy"}  # everything else is called as it is named


class RowFile:
    """``len(file)`` rows of ``columns`` values; ``about``: what the writer said of them.

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

    def array(self, name: str) -> np.ndarray | None:
        """``labels``, ``row`` (their numbers in the user's file), ``id``, ``weight`` or ``given_0``, ..., ``[N]``; None
        if not written."""
        path = beside(self.path, _suffix(name))
        if not path.exists():
            return None
        with open_regular(path) as file:
            found: np.ndarray = np.load(file, allow_pickle=False)
        return found

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


def _suffix(name: str) -> str:
    return BESIDE.get(name, f".{name}.npy")


def beside(path: Path, suffix: str) -> Path:
    """What lies beside rows: their ``.json``, and arrays."""
    return path.with_suffix(suffix if path.suffix == OLDER else path.suffix + suffix)


def write_rows(path: Path, chunks: Iterable[tuple[np.ndarray, dict[str, np.ndarray]]], about: Any = None) -> RowFile:
    """Write float64 ``[n, columns]`` chunk by chunk, with arrays ``[n]``: ``row``, and perhaps ``labels`` and ``id``.

    The ``.json`` comes last.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    digests = {"float64": hashlib.blake2b(digest_size=8), "float32": hashlib.blake2b(digest_size=8)}
    columns = 0
    exact = True
    numbers = (
        bytearray()
    )  # in one piece: small arrays that are kept between large ones keep memory from being used again
    others: dict[str, list[np.ndarray]] = {}
    with made(path.parent):
        try:
            with unfinished.open("wb") as file:
                for x, some in chunks:
                    content = np.ascontiguousarray(x, dtype=np.float64)
                    rounded = content.astype(np.float32)
                    columns = content.shape[1]
                    exact = exact and np.array_equal(content, rounded, equal_nan=True)
                    digests["float64"].update(content.data)
                    digests["float32"].update(rounded.data)
                    file.write(content.data)
                    numbers += some.pop("row").astype(np.int64).tobytes()
                    for name, values in some.items():
                        others.setdefault(name, []).append(values)
            others["row"] = [np.frombuffer(numbers, np.int64)]
            for name, arrays in others.items():
                with beside(path, _suffix(name)).open("wb") as file:
                    np.save(file, np.concatenate(arrays))
            os.replace(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)
    names = {kind: digests["float32" if exact else kind].hexdigest() for kind in digests}
    write_whole(beside(path, ".json"), json.dumps({"columns": columns, "digests": names, "about": about}))
    return RowFile(path)
