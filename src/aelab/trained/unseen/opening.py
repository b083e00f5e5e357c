"""Which reader reads a path for a run: the one that the run's own data had."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aelab.config.objects import conf_dir
from aelab.config.trust import resolve
from aelab.data.files.images import is_image
from aelab.data.image_folder import ImageFolder
from aelab.data.tables.format import FORMAT_KEYS
from aelab.errors import UserError
from aelab.trained.run import Run
from aelab.trained.texts import check_scored
from aelab.trained.unseen.arrays import UnseenArrays
from aelab.trained.unseen.pictures import UnseenPictures
from aelab.trained.unseen.protocol import Unseen, named
from aelab.trained.unseen.tables import UnseenTable


def open_unseen(run: Run, path: Path, typed: Mapping[str, Any]) -> Unseen:
    """New examples at ``path``, as the run takes them.

    ``typed``: keys of data that the user names instead of the run's. Raises UserError where there is nothing, or
    nothing of the kind that the run was trained on.
    """
    check_scored(run.preprocessing, run.directory)
    if not path.exists():
        raise UserError(f"path={path}: nothing is there (seen from {Path.cwd()}); name a file or folder to score")
    if not path.is_file() and not path.is_dir():
        raise UserError(f"path={path}: a pipe, socket or device, which is not read")
    recorded = run.manifest["config"]["data"]
    settings = {**recorded, **typed}
    is_array = path.is_file() and path.suffix.lower() in (".npy", ".npz")
    data = f"data={recorded.get('name')}"
    if is_array:
        _refuse(typed, ("key",), "an array")
        with named(path):
            return UnseenArrays(path, settings)
    target: Any = resolve("data", recorded["_target_"], conf_dir())
    if issubclass(target, ImageFolder):
        if path.is_file() and not is_image(path.name):
            raise UserError(f"path={path}: no picture, and the run was trained on {data}; name a folder of pictures")
        _refuse(typed, (), "a picture")
        return UnseenPictures(run, path, settings)
    if run.preprocessing.columns is None and run.manifest["data"].get("columns") is None:
        raise UserError(
            f"path={path}: the run was trained on {data}, without names of columns; save arrays as .npy or .npz"
        )
    _refuse(typed, ("id", *FORMAT_KEYS), "a table")
    return UnseenTable(run, path, recorded, typed)


def _refuse(typed: Mapping[str, Any], keys: Sequence[str], what: str) -> None:
    """Raise UserError for a key that is none of those that reading ``what`` makes use of."""
    for key, value in typed.items():
        if key not in keys:
            raise UserError(f"data.{key}={value}: {what} has no such thing; leave it out")
