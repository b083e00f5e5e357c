"""The codes of a run's own data as one file, which ``data=arrays`` reads or which is joined to the rows they are of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aelab.data.module import PARTS, DataModule
from aelab.errors import UserError
from aelab.runs.array_file import write_arrays
from aelab.trained.coder import TrainedCoder, data_of
from aelab.trained.run import Run
from aelab.trained.table_out import check_outside, check_target, named_origin, table_out

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".npz", ".csv", ".parquet")
ROWS = 32  # that are encoded at once at least: matrices of fewer are multiplied, and rounded, in another way


def write_codes(run: Run, path: Path | None = None, force: bool = False) -> str:
    """Write the codes of all parts to ``path``, or ``<run>/exports/codes.npz``; a line about it.

    ``x``: float32 ``[N, code_size]``, the training, validation and test parts one behind the other, each in the order
    of its rows; in a table ``code_0``, ``code_1``, ... ``part``: which of them. ``row``: of each in the data, counted
    from 0; of pictures ``file``. ``id``: of tables with ``data.id``, in a table called as the column is.
    ``y``, in a table ``label``: where there are labels.

    A table is written batch by batch; an ``.npz`` is put together in memory. ``force``: replace ``path``.

    Raises UserError where the data are gone or other data, or the file cannot be written.
    """
    target = path or run.directory / "exports" / "codes.npz"
    data = data_of(run)
    source = Path(data.path).expanduser() if data.path else None
    check_target("path", target, SUFFIXES, force or path is None, source)
    check_outside("path", target, source if path else None)
    id = getattr(data, "id", None)
    pieces = _pieces(run, data)
    if target.suffix.lower() == ".npz":
        _write_arrays(target, pieces)
    else:
        with table_out("path", target) as write:
            for piece in pieces:
                write(_frame(piece, id))
    count = sum(map(data.size, PARTS))
    labels = "codes and labels" if _has_labels(data) else "codes"
    kept = f"{target}: {labels} of {count} examples, {run.model.network.code_size} values"
    if target.suffix.lower() == ".npz":
        return f"{kept}; train on them with data=arrays data.path={target}"
    place = " and ".join(named_origin(data.origin("train"), id, ()))
    return f"{kept}; joined by {place} to {source or f'data={data.name}'}"


def _has_labels(data: DataModule) -> bool:
    return all(part in data.labels for part in PARTS)


def _pieces(run: Run, data: DataModule) -> Iterator[dict[str, np.ndarray]]:
    """Some examples at a time: where each was read, its part, its label and its code."""
    coder = TrainedCoder(run.model, str(run.directory))
    for part in PARTS:
        origin = data.origin(part)
        first = 0
        for batch in data.batches(part, run.model.device):
            rows = slice(first, first + len(batch))
            piece = {name: values[rows] for name, values in origin.items()}
            piece["part"] = np.full(len(batch), part)
            if _has_labels(data):
                piece["y"] = np.asarray(data.labels[part])[rows]
            x = batch.cpu().numpy()
            piece["x"] = coder.encode(np.resize(x, (max(ROWS, len(x)), x.shape[1])))[: len(x)]
            yield piece
            first += len(batch)


def _frame(piece: dict[str, np.ndarray], id: str | None) -> pd.DataFrame:
    import pandas as pd

    found: dict[str, Any] = {"part": piece.pop("part")}
    if "y" in piece:
        found["label"] = piece.pop("y")
    found |= {f"code_{unit}": values for unit, values in enumerate(piece.pop("x").T)}
    if piece.get("id", np.empty(0)).dtype.kind == "U":
        piece["id"] = np.array([name or None for name in piece["id"].tolist()], dtype=object)
    return pd.DataFrame({**named_origin(piece, id, found), **found})


def _write_arrays(target: Path, pieces: Iterator[dict[str, np.ndarray]]) -> None:
    found: dict[str, list[np.ndarray]] = {}
    for piece in pieces:
        for name, values in piece.items():
            found.setdefault(name, []).append(values)
    try:
        write_arrays(target, {name: np.concatenate(arrays) for name, arrays in found.items()})
    except OSError as error:
        raise UserError(f"path={target}: cannot be written ({error}); name another file with path=...") from error
