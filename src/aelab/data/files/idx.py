"""The IDX file format of the MNIST family: a magic number, the shape, then the bytes."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from aelab.data.files.downloaded import damaged
from aelab.machines.regular_files import open_regular

UINT8 = 0x08


def read_idx(path: Path) -> np.ndarray:
    """uint8 array of the shape the file states, from plain IDX or ``.gz``; UserError for a damaged file."""
    try:
        with open_regular(path) as file:
            content = gzip.decompress(file.read()) if path.suffix == ".gz" else file.read()
    except (OSError, EOFError, zlib.error) as error:
        raise damaged(path, str(error)) from error
    if len(content) < 4 or content[:3] != bytes([0, 0, UINT8]):
        raise damaged(path, "it does not begin as an IDX file of bytes")
    start = 4 + 4 * content[3]
    shape = tuple(int(n) for n in np.frombuffer(content[4:start], ">u4")) if len(content) >= start else ()
    if len(content) != start + math.prod(shape):
        raise damaged(path, f"{len(content)} bytes, {start + math.prod(shape)} expected")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy()
