"""New examples in arrays: a ``.npy`` or ``.npz``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aelab.data.arrays import Arrays, as_values
from aelab.data.files.array_files import dense, is_sparse, parts_named
from aelab.data.files.row_pieces import row_pieces
from aelab.data.files.user_files import unreadable
from aelab.errors import UserError
from aelab.machines.regular_files import open_regular
from aelab.trained.unseen.protocol import CHUNK, Origin, named


class UnseenArrays:
    """Examples of the array at ``path``, or of all parts of an .npz; ``settings``: the run's keys of data."""

    id: str | None = None

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self.path = path
        self.said: list[str] = []
        self.sparse: np.ndarray | None = None
        self.keys: list[str | None] = [None]
        self.count = 0
        if path.suffix.lower() == ".npz":
            self._look_into(settings.get("key"))

    def _look_into(self, key: str | None) -> None:
        try:
            with open_regular(self.path) as file, np.load(file, allow_pickle=False) as content:
                if is_sparse(content.files):
                    self.sparse = dense(content, self.path)
                    return
                parts = parts_named(content.files) if key is None else {}
                self.keys = [x for x, _ in parts.values()]
                labels = [y for _, y in parts.values() if y is not None]
                if not parts:
                    x, label = Arrays(path=str(self.path), key=key).keys(content.files)
                    self.keys = [x]
                    labels = [] if label is None else [label]
                if labels:
                    self.said.append(f"path={self.path}: {', '.join(labels)}, labels, are not looked at")
        except UserError:
            raise
        except Exception as error:  # a damaged header leads numpy to anything
            raise unreadable(self.path, error) from error

    def pieces(self) -> Iterator[tuple[Origin, np.ndarray]]:
        for key in self.keys:
            first = 0
            with named(self.path):
                for read in row_pieces(self.path, key, CHUNK) if self.sparse is None else [self.sparse]:
                    origin: Origin = {"row": np.arange(first, first + len(read))}
                    if len(self.keys) > 1:
                        origin["array"] = np.full(len(read), key)
                    yield origin, _native(as_values(read, self.path))
                    first += len(read)
            self.count += first
        if not self.count:
            raise UserError(f"path={self.path}: no examples in it")

    def found(self) -> list[str]:
        return []


def _native(x: np.ndarray) -> np.ndarray:
    """The same in this machine's order of bytes, and in a type that torch can calculate with."""
    wide = x.dtype.kind == "u" and x.dtype.itemsize > 2
    return x.astype(np.int64 if wide else x.dtype.newbyteorder("="), copy=False)
