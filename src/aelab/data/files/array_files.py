"""What an ``.npz`` holds, by the names in it: parts of a data set, or a sparse matrix of SciPy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aelab.errors import UserError

LARGEST = 2**31  # values of a sparse matrix that is made dense
DARK = 32  # of 255
PARTS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "dev": "val"}
PARTS |= {"test": "test", "testing": "test"}
EXAMPLES = ("", "x", "data", "images", "features", "inputs")
LABELS = ("y", "label", "labels", "target", "targets")


def parts_named(names: Sequence[str]) -> dict[str, tuple[str, str | None]]:
    """``train``, ``val``, ``test`` and the names of their examples and labels; none where they are not named so.

    Raises UserError where a part has two arrays of examples, or a part without any has labels.
    """
    found: dict[str, dict[str, str]] = {}
    for name in names:
        words = name.lower().split("_")
        parts = [word for word in words if word in PARTS]
        rest = "_".join(word for word in words if word not in PARTS)
        if len(parts) != 1 or rest not in (*EXAMPLES, *LABELS):
            continue
        part = PARTS[parts[0]]
        kind = "y" if rest in LABELS else "x"
        if kind in found.setdefault(part, {}):
            both = f"{found[part][kind]}, {name}"
            raise UserError(f"data.key: {both} would both be of the {part} part; name one array with data.key")
        found[part][kind] = name
    if "x" not in found.get("train", {}) or len(found) < 2:
        return {}
    for own in found.values():
        if "x" not in own:
            raise UserError(f"data.key: {own['y']} has no examples beside it; name one array with data.key")
    return {part: (found[part]["x"], found[part].get("y")) for part in ("train", "val", "test") if part in found}


def nothing_behind(file: Any, path: Path, shape: Sequence[int]) -> None:
    """Raise UserError where something stands behind the array of this shape that was read from a .npy."""
    if rest := file.read(6):
        what = "a second array" if rest == b"\x93NUMPY" else "something else"
        raise UserError(
            f"data.path={path}: behind an array of shape {list(shape)} stands {what}, which would be lost; save "
            "several with np.savez"
        )


def is_sparse(names: Sequence[str]) -> bool:
    """Whether these are the names that ``scipy.sparse.save_npz`` gives."""
    return {"format", "shape", "data"} <= set(names)


def dense(content: Any, path: Path) -> np.ndarray:
    """The sparse matrix in an ``.npz`` with all its zeros; UserError where that would be too large."""
    from scipy import sparse

    shape = tuple(int(size) for size in content["shape"])
    if len(shape) != 2 or min(shape) < 0 or shape[0] * shape[1] > LARGEST:
        why = (
            "too large to be made dense; leave columns out"
            if len(shape) == 2
            else "which is none; save rows and columns"
        )
        raise UserError(
            f"data.path={path}: a sparse matrix of {' x '.join(map(str, shape))}, {why}, or reduce it first, as "
            "sklearn.decomposition.TruncatedSVD does"
        )
    kind = content["format"].item()
    kind = kind.decode() if isinstance(kind, bytes) else str(kind)
    if kind == "coo":
        matrix = sparse.coo_matrix((content["data"], (content["row"], content["col"])), shape=shape)
    elif kind == "dia":
        matrix = sparse.dia_matrix((content["data"], content["offsets"]), shape=shape)
    else:
        made = {"csr": sparse.csr_matrix, "csc": sparse.csc_matrix, "bsr": sparse.bsr_matrix}.get(kind)
        if made is None:
            raise UserError(f"data.path={path}: a sparse matrix in the format {kind}; save it as csr")
        matrix = made((content["data"], content["indices"], content["indptr"]), shape=shape)
    if hasattr(matrix, "check_format"):
        matrix.check_format(full_check=True)  # an index beyond the matrix would be written outside of it
    return np.asarray(matrix.toarray())


def doubts(x: np.ndarray, standardize: bool) -> list[str]:
    """Lines about an array ``[N, ...]`` that is read as it is, and may be meant otherwise."""
    found = []
    if x.dtype == np.uint8 and not standardize and x.size and 0 < (most := int(x.max())) < DARK:
        found.append(
            f"uint8 counts as 0 to 255, so that its greatest value, {most}, becomes {most / 255:.2g}; save float32 "
            f"where {most} is meant"
        )
    shape = list(x.shape[:1] + x.shape[2:] if x.ndim == 4 and x.shape[1] == 1 else x.shape)
    read = f"read as {shape[0]} examples of {' x '.join(map(str, shape[1:]))}"
    if len(shape) in (3, 4) and shape[0] == shape[1] != shape[-1] and (len(shape) == 3 or shape[2] in (1, 3, 4)):
        found.append(f"{read}; where the examples are behind, as MATLAB has them, save np.moveaxis(x, -1, 0)")
    elif len(shape) == 3 and shape[2] in (3, 4) and min(shape[:2]) > 4 and x.dtype == np.uint8:
        found.append(f"{read}; where it is one picture, use data=natural_patches, which takes a folder of pictures")
    return found
