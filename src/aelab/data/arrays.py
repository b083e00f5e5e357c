"""The user's own arrays: one ``.npy``, or an ``.npz`` with examples and perhaps labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from aelab.data.files.array_files import dense, doubts, is_sparse, nothing_behind, parts_named
from aelab.data.files.array_values import as_labels, as_text, as_values, as_weights
from aelab.data.files.user_files import pick, unreadable, user_path
from aelab.data.module import PARTS, DataModule
from aelab.data.preprocessing import NUMBERS, PIXELS
from aelab.data.source import Source
from aelab.errors import UserError
from aelab.machines.regular_files import open_regular


class Arrays(DataModule):
    """Examples ``[N, ...]`` from ``data.path``; ``[N, H, W]`` are images of one channel.

    uint8 counts as 0..255 and is scaled to [0, 1]; every other real type is taken as it is. Images from 0 to 1 are
    pixels, too: what is encoded later may be uint8.
    ``key``: the array of the .npz (``x``, ``X`` or the only one). ``label``: its labels ``[N]`` (``y`` if it
    is there). An array ``part`` says which part each example is of, as in exported codes. Without ``x`` the arrays
    ``x_train``, ``x_test``, ``y_train``, ... are the parts. A sparse matrix of SciPy becomes a dense one.
    ``channels_last``: images are ``[N, H, W, C]``. ``missing``: NaN is an error, or, with ``mask``, a value that is
    not known, which stays out of errors and metrics, and of which the encoder sees 0. ``weight``: the array of what
    each example counts, ``[N]``.
    """

    unused = ()

    def __init__(
        self,
        key: str | None = None,
        label: str | None = None,
        channels_last: bool = False,
        missing: str | None = None,
        weight: str | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self.missing = missing if missing is None else pick("data.missing", missing, ("mask",))
        if missing == "mask" and self.binarize is not None:
            raise UserError(
                f"data.missing=mask data.binarize={self.binarize}: what is not known is neither 0 nor 1; leave one out"
            )
        self.weight = weight
        self.key = key
        self.label = label
        self.channels_last = channels_last
        self.place: dict[str, np.ndarray] = {}
        self.counts: np.ndarray | None = None  # the weights as they are read

    def label_advice(self) -> str:
        return "save them with np.savez(path, x=..., y=...), or name their array with data.label=<key>"

    def read(self) -> Source:
        path = user_path(self.name, self.path, "a .npy or .npz file")
        x, labels = self._load(path)
        if labels is not None:
            if labels.size != len(x):
                raise UserError(f"data.label: {labels.shape} labels for {len(x)} examples in {path}")
            labels = as_labels(labels.reshape(-1), path)
        values = self._shaped(as_values(x, path))
        self.say(*doubts(values, self.standardize))
        kind = _kind(values)
        if self.missing == "mask" and kind == PIXELS:
            raise UserError(f"data.missing=mask data.path={path}: pictures have no gaps; leave it out")
        weight = None if self.counts is None else as_weights(self.counts, len(values), path)
        return Source(values, labels, kind=kind, origin=self.place, gaps=self.missing == "mask", weight=weight)

    def _load(self, path: Path) -> tuple[np.ndarray, np.ndarray | None]:
        if path.suffix.lower() not in (".npy", ".npz"):
            raise UserError(f"data.path={path}: not a .npy or .npz file; {_advice(path)}")
        try:
            with open_regular(path) as file:
                content = np.load(file, allow_pickle=False)
                if isinstance(content, np.ndarray):
                    return self._alone(path, content, file)
                if is_sparse(content.files):
                    self._refuse_names("a sparse matrix is alone in its file; leave them out")
                    x = dense(content, path)
                    self.say(f"read a sparse matrix of {x.shape[0]} x {x.shape[1]}")
                    return x, None
                named = self.key is not None or self.label is not None or self.weight is not None
                if not named and (parts := parts_named(content.files)):
                    return self._in_parts(path, content, parts)
                key, label = self.keys(content.files)
                if self.weight is not None:
                    self.counts = content[self.weight]
                others = [name for name in content.files if name not in (key, label, self.weight, "part")]
                if self.key is None and others:
                    some = ", ".join(others)
                    self.say(f"read {key}{f' and {label}' if label else ''} of {path.name}, and left out {some}")
                x = np.atleast_1d(content[key])
                others = [name for name in content.files if name not in (key, label, self.weight)]
                if "part" in others:
                    others.remove("part")
                    self._given(content["part"], len(x), path)
                if self.key is None and others:
                    with_labels = f" and {label}" if label else ""
                    self.say(f"read {key}{with_labels} of {path.name}, and left out {', '.join(others)}")
                return x, None if label is None else content[label]
        except UserError:
            raise
        except Exception as error:  # a damaged header leads numpy to anything, an array of exabytes included
            if "pickle" in str(error):
                raise UserError(
                    f"data.path={path}: no array of numbers (Python objects, text, or another kind of file); save "
                    "np.asarray(x, np.float32) with np.save"
                ) from error
            raise unreadable(path, error) from error

    def _alone(self, path: Path, x: np.ndarray, file: BinaryIO) -> tuple[np.ndarray, None]:
        self._refuse_names("a .npy holds one array; use an .npz for several")
        nothing_behind(file, path, x.shape)
        return np.atleast_1d(x), None

    def _refuse_names(self, why: str) -> None:
        if self.key or self.label or self.weight:
            raise UserError(f"data.key, data.label, data.weight: {why}")

    def _in_parts(
        self, path: Path, content: Mapping[str, np.ndarray], parts: dict[str, tuple[str, str | None]]
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """All parts, one behind the other, and what belongs to which."""
        found = {part: np.atleast_1d(content[x]) for part, (x, _) in parts.items()}
        shapes = {part: list(x.shape[1:]) for part, x in found.items()}
        if any(shape != shapes["train"] for shape in shapes.values()):
            raise UserError(f"data.path={path}: its parts have examples of different shapes ({shapes}); make them one")
        kinds = {part: str(x.dtype) for part, x in found.items()}
        if "uint8" in kinds.values() and set(kinds.values()) != {"uint8"}:
            raise UserError(
                f"data.path={path}: its parts have values of different types ({kinds}), of which uint8 alone counts as "
                "0 to 255; make them one"
            )
        labels = [None if y is None else as_labels(content[y].reshape(-1), path) for _, y in parts.values()]
        for x, y, (name, _) in zip(found.values(), labels, parts.values(), strict=True):
            if y is not None and len(y) != len(x):
                raise UserError(f"data.path={path}: {len(y)} labels for the {len(x)} examples of {name}")
        known = [y for y in labels if y is not None]
        if known and len(known) < len(labels):
            lacking = [parts[part][0] for part, y in zip(parts, labels, strict=True) if y is None]
            raise UserError(f"data.path={path}: labels for some parts and none for {', '.join(lacking)}")
        sizes = [len(x) for x in found.values()]
        self.given = np.repeat(list(found), sizes)
        self.place = {
            "array": np.repeat([x for x, _ in parts.values()], sizes),
            "row": np.concatenate([np.arange(size) for size in sizes]),
        }
        self.say(f"parts as they are in {path.name}: " + ", ".join(f"{part} {len(x)}" for part, x in found.items()))
        return np.concatenate(list(found.values())), np.concatenate(known) if known else None

    def _given(self, part: np.ndarray, count: int, path: Path) -> None:
        """Keep the parts that exported codes are of, so that what was held out stays so."""
        names = as_text(part)
        if names.shape != (count,) or not np.isin(names, PARTS).all():
            self.say(f"left out the array part of {path.name}: it does not say train, val or test of each example")
            return
        self.given = names
        counts = ", ".join(f"{name} {int((names == name).sum())}" for name in PARTS)
        self.say(f"parts as the array part of {path.name} says: {counts}")

    def keys(self, names: list[str]) -> tuple[str, str | None]:
        """The array of examples among those of an .npz, and that of the labels; UserError where they are not there."""
        default = "y" if "y" in names else None
        label = pick("data.label", self.label, names) if self.label else default
        if self.weight is not None and pick("data.weight", self.weight, names) in (self.key, label):
            raise UserError(f"data.weight={self.weight}: also data.key or data.label; leave one of them out")
        if self.key:
            return pick("data.key", self.key, names), label
        others = [name for name in names if name not in (label, self.weight)]
        key = next((name for name in ("x", "X") if name in others), others[0] if len(others) == 1 else None)
        if key is None:
            raise UserError(f"data.key: {self.path} holds {', '.join(names) or 'nothing'}; name one with data.key")
        return key, label

    def _shaped(self, x: np.ndarray) -> np.ndarray:
        if self.channels_last:
            if x.ndim != 4:
                raise UserError(f"data.channels_last=true: images must be [N, H, W, C], not {list(x.shape)}")
            if has_channels_last(np.moveaxis(x, 1, -1).shape[1:]) and x.shape[2] == x.shape[3]:
                raise UserError(
                    f"data.channels_last=true: {list(x.shape)} looks like [N, C, H, W]; leave data.channels_last out"
                )
            return np.moveaxis(x, -1, 1)
        if x.ndim == 4 and has_channels_last(x.shape[1:]):
            raise UserError(
                f"data.path={self.path}: images {list(x.shape)} look like [N, H, W, C]; use data.channels_last=true, "
                "or save them as [N, values] where they are no images"
            )
        return x[:, None] if x.ndim in (1, 3) else x


def has_channels_last(shape: Sequence[int]) -> bool:
    """Whether an image is ``[H, W, C]``: few channels behind many rows and columns."""
    return len(shape) == 3 and shape[2] in (1, 3, 4) and min(shape[:2]) > 4


def _advice(path: Path) -> str:
    """What else reads such a file."""
    if path.is_dir():
        return "a folder of pictures is read by data=image_folder"
    if {suffix.lower() for suffix in path.suffixes} & {".csv", ".tsv", ".txt", ".parquet", ".feather", ".xlsx"}:
        return "data=table reads it"
    return "write it with np.save or np.savez"


def _kind(x: np.ndarray) -> str:
    if x.dtype == np.uint8:
        return PIXELS
    return PIXELS if x.ndim == 4 and x.size and x.min() >= 0 and x.max() <= 1 else NUMBERS
