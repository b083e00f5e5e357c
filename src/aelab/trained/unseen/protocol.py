"""What reading new examples gives, whatever they lie in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np

from aelab.errors import UserError

CHUNK = 8 * 2**20  # bytes of double precision that are read at a time

Origin = dict[str, np.ndarray]
"""Where examples were read, arrays ``[n]`` by name, as in ``data.source.Source``."""


class Unseen(Protocol):
    """New examples. ``id``: the column that names them, or None. ``said``: what the user should know before."""

    id: str | None
    said: list[str]

    def pieces(self) -> Iterator[tuple[Origin, np.ndarray]]:
        """All of them, some at a time: where they were read, and raw values ``[n, D]`` or ``[n, *shape]``."""

    def found(self) -> list[str]:
        """What the user should know afterwards; UserError where they are none that the run can be asked about."""


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Around reading a file of which a user said ``path``, as its readers know it by ``data.path``."""
    try:
        yield
    except UserError as error:
        raise UserError(str(error).replace(f"data.path={path}:", f"path={path}:")) from error
