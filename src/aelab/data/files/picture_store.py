"""Pictures that were decoded and scaled once, kept in memory or on disk for every epoch, process and run that asks."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from aelab.errors import UserError

FOLDER = "pictures"  # below data.root
KINDS = ("memory", "disk")


class PictureStore:
    """N pictures of D pixels, uint8 or uint16, each there from the first time that somebody decoded it.

    With each picture lies a checksum, so that one whose writing was cut short, by whatever, is decoded again; several
    processes may write the same one, since they write the same. ``file``: where both lie; None keeps them in memory
    that is shared with worker processes.
    """

    def __init__(self, count: int, size: int, deep: bool, file: Path | None) -> None:
        self.shape = count, size
        self.kind = np.uint16 if deep else np.uint8
        self.file = file
        self.opened: tuple[Any, Any] | None = None
        self.shared: tuple[torch.Tensor, torch.Tensor] | None = None
        need = count * size * self.kind().itemsize
        if file is None:
            free = _free_memory()
            if free is not None and need > 0.8 * free:
                raise UserError(
                    f"data.cache=memory: {count} pictures take {_gigabytes(need)}, and {_gigabytes(free)} are free; "
                    "use data.cache=disk, or a smaller data.image_size"
                )
            pixels = torch.zeros(count * size * self.kind().itemsize, dtype=torch.uint8).share_memory_()
            self.shared = pixels, torch.zeros(count, dtype=torch.int64).share_memory_()
        elif not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(file.parent).free
            if need > free:
                raise UserError(
                    f"data.cache=disk: {count} pictures take {_gigabytes(need)}, and {_gigabytes(free)} are free in "
                    f"{file.parent}; name another folder with data.root=..., or use a smaller data.image_size"
                )
            self._make()

    def _make(self) -> None:
        """An empty file of the right size, which takes no room until it is written to; there for others at once."""
        assert self.file is not None
        begun = self.file.with_name(f"{self.file.name}.{os.getpid()}")
        with open(begun, "wb") as file:
            file.truncate(self._bytes() + 8 * self.shape[0])
        os.replace(begun, self.file)

    def _bytes(self) -> int:
        return self.shape[0] * self.shape[1] * self.kind().itemsize

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"opened": None}  # a worker opens the file itself

    def _arrays(self) -> tuple[Any, Any]:
        if self.opened is None:
            if self.shared is not None:
                self.opened = self.shared[0].numpy().view(self.kind).reshape(self.shape), self.shared[1].numpy()
            else:
                assert self.file is not None
                pixels = np.memmap(self.file, self.kind, "r+", 0, self.shape)
                self.opened = pixels, np.memmap(self.file, np.int64, "r+", self._bytes(), self.shape[:1])
        return self.opened

    def take(self, place: int, decode: Callable[[], np.ndarray]) -> np.ndarray:
        """The pixels ``[D]`` of a picture, decoded where they are not there."""
        pixels, sums = self._arrays()
        found: np.ndarray = np.array(pixels[place])
        if sums[place] != _checksum(found):
            found = decode().reshape(-1)
            pixels[place] = found
            sums[place] = _checksum(found)
        return found


def store_file(root: Path, folder: Path, states: Iterable[str], how: Sequence[Any]) -> Path:
    """The file for pictures of a folder in this state, read like this."""
    named = json.dumps([str(folder.resolve()), list(states), list(how)]).encode(errors="surrogateescape")
    return root / FOLDER / f"{hashlib.sha256(named).hexdigest()[:16]}.pixels"


def _checksum(pixels: np.ndarray) -> int:
    return zlib.crc32(pixels.tobytes()) + 1  # 0 is that of a picture that was never written


def _free_memory() -> int | None:
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
