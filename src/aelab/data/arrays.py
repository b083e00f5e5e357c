"""The user's own arrays: one ``.npy``, or an ``.npz`` with examples and perhaps labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from aelab.data.files.user_files import pick, unreadable, user_path
from aelab.data.module import DataModule
from aelab.data.preprocessing import NUMBERS, PIXELS
from aelab.data.source import Source
from aelab.errors import UserError
from aelab.machines.regular_files import open_regular


class Arrays(DataModule):
    """Examples ``[N, ...]`` from ``data.path``; ``[N, H, W]`` are images of one channel.

    uint8 counts as 0..255 and is scaled to [0, 1]; every other real type is taken as it is. Images from 0 to 1 are
    pixels, too: what is encoded later may be uint8.
    ``key``: the array of the .npz (``x``, ``X`` or the only one). ``label``: its labels ``[N]`` (``y`` if it
    is there). ``channels_last``: images are ``[N, H, W, C]``.
    """

    unused = ()

    def __init__(
        self, key: str | None = None, label: str | None = None, channels_last: bool = False, **settings: Any
    ) -> None:
        super().__init__(**settings)
        self.key = key
        self.label = label
        self.channels_last = channels_last

    def label_advice(self) -> str:
        return "save them with np.savez(path, x=..., y=...), or name their array with data.label=<key>"

    def read(self) -> Source:
        path = user_path(self.name, self.path, "a .npy or .npz file")
        x, labels = self._load(path)
        if labels is not None:
            if labels.size != len(x):
                raise UserError(f"data.label: {labels.shape} labels for {len(x)} examples in {path}")
            labels = labels.reshape(-1)
        values = self._shaped(as_values(x, path))
        return Source(values, labels, kind=_kind(values))

    def _load(self, path: Path) -> tuple[np.ndarray, np.ndarray | None]:
        if path.suffix not in (".npy", ".npz"):
            raise UserError(f"data.path={path}: not a .npy or .npz file; write it with np.save or np.savez")
        try:
            with open_regular(path) as file:
                content = np.load(file, allow_pickle=False)
                if isinstance(content, np.ndarray):
                    if self.key or self.label:
                        raise UserError("data.key, data.label: a .npy holds one array; use an .npz for several")
                    return np.atleast_1d(content), None
                key, label = self._keys(content.files)
                return np.atleast_1d(content[key]), None if label is None else content[label]
        except UserError:
            raise
        except Exception as error:  # a damaged header leads numpy to anything, an array of exabytes included
            raise unreadable(path, error) from error

    def _keys(self, names: list[str]) -> tuple[str, str | None]:
        default = "y" if "y" in names else None
        label = pick("data.label", self.label, names) if self.label else default
        if self.key:
            return pick("data.key", self.key, names), label
        others = [name for name in names if name != label]
        key = next((name for name in ("x", "X") if name in others), others[0] if len(others) == 1 else None)
        if key is None:
            raise UserError(f"data.key: {self.path} holds {', '.join(names) or 'nothing'}; name one with data.key")
        return key, label

    def _shaped(self, x: np.ndarray) -> np.ndarray:
        if self.channels_last:
            if x.ndim != 4:
                raise UserError(f"data.channels_last=true: images must be [N, H, W, C], not {list(x.shape)}")
            return np.moveaxis(x, -1, 1)
        return x[:, None] if x.ndim in (1, 3) else x


def _kind(x: np.ndarray) -> str:
    if x.dtype == np.uint8:
        return PIXELS
    return PIXELS if x.ndim == 4 and x.size and x.min() >= 0 and x.max() <= 1 else NUMBERS


def as_values(x: np.ndarray, path: Path) -> np.ndarray:
    """Real numbers as they are, of no more than double precision; UserError for anything else."""
    if x.dtype.kind not in "biuf":
        raise UserError(f"data.path={path}: values of type {x.dtype}; save real numbers (float32 or uint8)")
    return x.astype(np.float64) if x.dtype.itemsize > 8 else x
