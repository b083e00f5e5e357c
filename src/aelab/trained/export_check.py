"""Whether an exported file gives the numbers of its run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aelab.data.tables.columns import Columns
from aelab.data.tables.numbered import frame_of, numbers_of
from aelab.data.tables.restored import restored
from aelab.errors import UserError
from aelab.trained.exported_columns import ValuesToColumns
from aelab.trained.run import Run

TOLERANCE = 1e-4  # of what an exported file may differ by, relative to the largest magnitude of its output


def examples(run: Run, part: str, count: int, columns: Columns | None) -> Tensor:
    """Random input: uniform as pixels, or normal about the training mean; codes are those of such examples.

    With ``columns`` the numbers ``[N, C]`` of such values.
    """
    draw = torch.Generator().manual_seed(count)
    x = torch.rand(count, run.model.network.input_size, generator=draw)
    preprocessing = run.preprocessing
    if preprocessing.offset is not None:
        x = preprocessing.restore(torch.randn(x.shape, generator=draw))
        x = x if preprocessing.needs_double else x.float()
    if preprocessing.gaps and x.shape[1] > 1 and part not in ("sampler", "decoder"):
        x[1::2, 0] = torch.nan
    x = x.unflatten(1, run.shape)
    if part == "sampler":
        return torch.randn(count, run.model.network.code_size, generator=draw)
    if part == "decoder":
        return torch.from_numpy(run.encode(x))
    return x if columns is None else ValuesToColumns(columns)(x)


def _answers(run: Run, part: str, columns: Columns | None) -> Callable[[Any], np.ndarray]:
    """The run's own numbers for what goes into a file; with ``columns`` those of the frame that they stand for."""
    own: dict[str, Callable[[Any], Any]] = {
        "encoder": run.encode,
        "decoder": run.decode,
        "autoencoder": run.reconstruct,
        "sampler": run.decode,
        "indices": run.indices,
        "anomaly_score": run.anomaly_score,
    }
    if columns is None:
        return own[part]
    if part in ("decoder", "sampler"):
        like = frame_of(columns, np.zeros((0, len(columns))))
        return lambda code: numbers_of(
            columns, restored(columns, run.decode(code).astype(np.float64), like.reindex(range(len(code))))
        )
    if part == "autoencoder":
        return lambda x: numbers_of(columns, run.reconstruct(frame_of(columns, x.numpy())))
    return lambda x: np.asarray(own[part](frame_of(columns, x.numpy())))


def difference(run: Run, part: str, exported: Callable[[np.ndarray], np.ndarray], columns: Columns | None) -> float:
    """Largest difference from the run's own numbers relative to their largest magnitude; UserError beyond 1e-4.

    With ``columns`` to the largest of each column, whose scales differ.
    """
    own = _answers(run, part, columns)
    axis = 0 if columns is not None else None
    worst = 0.0
    for count in (1, 2, 17):  # other numbers of examples than the one that was traced
        x = examples(run, part, count, columns)
        wanted = own(x)
        found = exported(x.numpy())
        if wanted.shape != found.shape:
            raise UserError(
                f"{run.directory}: the exported {part} gives {found.shape} for {wanted.shape}; nothing is kept"
            )
        gaps = np.isnan(found) & np.isnan(wanted) if columns is not None else np.zeros(wanted.shape, bool)
        found, wanted = (np.where(gaps, 0, values) for values in (found, wanted))
        off = np.abs(found - wanted).max(axis) / np.maximum(np.abs(wanted).max(axis), np.finfo(np.float32).tiny)
        worst = float(np.maximum(worst, np.max(off)))  # NaN where either is
    if not worst <= TOLERANCE:
        raise UserError(f"{run.directory}: the exported {part} is {worst:.1g} off the run's numbers; nothing is kept")
    return worst
