"""The rows of an array in a file, some at a time: memory holds a piece, never the file."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from aelab.data.files.array_files import nothing_behind
from aelab.data.files.user_files import unreadable
from aelab.errors import UserError
from aelab.machines.regular_files import open_regular


def row_pieces(path: Path, key: str | None, size: int) -> Iterator[np.ndarray]:
    """Rows of the array in a ``.npy``, or of ``key`` in an ``.npz``, some at a time: ``size`` bytes in float64.

    One that is stored column by column is read whole. UserError where the file is none or is damaged.
    """
    try:
        with _opened(path, key) as file:
            shape, by_columns, dtype = _header(file)
            if dtype.hasobject:
                raise ValueError("it holds Python objects, which are not loaded")
            rows = max(1, size // (8 * max(1, math.prod(shape[1:]))))
            if by_columns or not shape:
                whole = np.atleast_1d(_read(file, math.prod(shape), dtype).reshape(shape, order="F"))
                yield from np.split(whole, range(rows, len(whole), rows))
            else:
                for start in range(0, shape[0], rows):
                    count = min(rows, shape[0] - start)
                    yield _read(file, count * math.prod(shape[1:]), dtype).reshape(count, *shape[1:])
            if key is None:
                nothing_behind(file, path, shape)
    except UserError:
        raise
    except Exception as error:  # a damaged header leads numpy to anything
        raise unreadable(path, error) from error


@contextmanager
def _opened(path: Path, key: str | None) -> Iterator[IO[bytes]]:
    with open_regular(path) as file:
        if key is None:
            yield file
            return
        with zipfile.ZipFile(file) as archive, archive.open(f"{key}.npy") as member:
            yield member


def _header(file: Any) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = np.lib.format.read_magic(file)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in read:
        raise ValueError(f"an array in the format {version}")
    found: tuple[tuple[int, ...], bool, np.dtype] = read[version](file)
    return found


def _read(file: IO[bytes], count: int, dtype: np.dtype) -> np.ndarray:
    found = np.empty(count, dtype)
    if count and file.readinto(found.view(np.uint8)) < found.nbytes:  # type: ignore[attr-defined]
        raise ValueError("it ends before its last example")
    return found
