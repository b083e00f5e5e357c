"""The codes of a run's own data as one file, which ``data=arrays`` reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from aelab.data.module import PARTS
from aelab.errors import UserError
from aelab.runs.array_file import write_arrays
from aelab.trained.coder import TrainedCoder, examples_of
from aelab.trained.run import Run


def write_codes(run: Run, path: Path | None = None) -> str:
    """Write the codes of all parts to ``path``, or ``<run>/exports/codes.npz``; a line about it.

    ``x``: float32 ``[N, code_size]``, the training, validation and test parts one behind the other. ``part``: which of
    them, ``[N]``. ``y``: labels ``[N]``, where there are some. Of a part with more than 2^28 values a sample.

    Raises UserError where the data are gone or other data, or the file cannot be written.
    """
    target = path or run.directory / "exports" / "codes.npz"
    if target.suffix != ".npz":
        raise UserError(f"path={target}: codes are written as .npz; name it so")
    data = examples_of(run)
    coder = TrainedCoder(run.model, str(run.directory))
    parts = [data.train, data.val, data.test]
    arrays = {
        "x": np.concatenate([coder.encode(part.x) for part in parts]),
        "part": np.repeat(PARTS, [len(part.x) for part in parts]),
    }
    labels = [part.labels for part in parts if part.labels is not None]
    if len(labels) == len(parts):
        arrays["y"] = np.concatenate(labels)
    try:
        write_arrays(target, arrays)
    except OSError as error:
        raise UserError(f"path={target}: cannot be written ({error}); name another file with path=...") from error
    count, size = arrays["x"].shape
    kept = "codes and labels" if "y" in arrays else "codes"
    return f"{target}: {kept} of {count} examples, {size} values; train on them with data=arrays data.path={target}"
