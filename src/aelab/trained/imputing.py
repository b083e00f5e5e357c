"""Values where a user's rows have none, put in by a trained model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast, overload

import numpy as np
import torch
from torch import Tensor

from aelab.data.tables.restored import restored
from aelab.errors import UserError
from aelab.trained.beside_rows import given_values
from aelab.trained.frames import as_frame, columns_of
from aelab.trained.given_arrays import as_tensor

if TYPE_CHECKING:
    import pandas as pd

    from aelab.trained.run import Run


class Imputing:
    """The part of a ``Run`` that answers what is missing."""

    @overload
    def impute(self, x: pd.DataFrame, rounds: int = 1, given: Any = None) -> pd.DataFrame: ...

    @overload
    def impute(self, x: np.ndarray | Tensor, rounds: int = 1, given: Any = None) -> np.ndarray: ...

    def impute(
        self, x: np.ndarray | Tensor | pd.DataFrame, rounds: int = 1, given: Any = None
    ) -> np.ndarray | pd.DataFrame:
        """Examples with what the model rebuilds where they have NaN, on the scale of the data; the rest is as it was.

        Of a frame a frame, with categories as they are written. Best of runs with ``data.missing=mask``, and of
        ``model=masked``, which learns to; others see the mean of a value that is not there. ``rounds``: how often the
        model sees what it put in (``evaluation=imputation`` chooses by validation). ``given``: as ``encode`` takes it.

        Raises UserError where the run cannot know what to see for a gap, or an example has no value at all.
        """
        run = cast("Run", self)
        if rounds < 1:
            raise UserError(f"rounds={rounds}: at least 1")
        columns = run.preprocessing.columns
        if columns is not None and any(column.flag for column in columns):
            raise UserError(
                f"{run.directory}: trained with data.missing=indicator, it rebuilds the gaps themselves; train with "
                "data.missing=mask"
            )
        prepared = run.prepared(x)
        frame = as_frame(x)
        beside = given_values(run, given, len(prepared), frame)
        found = run.preprocessing.restore(torch.from_numpy(_rebuilt(run, prepared, beside, rounds))).double().numpy()
        if frame is None:
            raw = as_tensor(x).double().numpy()
            return np.where(np.isnan(raw), found.reshape(raw.shape), raw)
        again = restored(columns_of(run, frame), found, frame)
        whole = frame.copy()
        for name in again.columns:
            if (gaps := frame[name].isna()).any():
                whole[name] = frame[name].astype(again[name].dtype).where(~gaps, again[name])
        return whole


def _rebuilt(run: Run, x: Tensor, beside: Tensor | None, rounds: int) -> np.ndarray:
    """Reconstructions ``[N, D]`` of prepared examples, which see them again in further rounds."""

    def again(seen: Tensor) -> np.ndarray:
        return run.apply(run.model.reconstruct, seen if beside is None else torch.cat([seen, beside], 1))

    gaps = x.isnan()
    if x.isinf().any() or gaps.all(1).any():
        odd = int((x.isinf().any(1) | gaps.all(1)).nonzero()[0])
        raise UserError(
            f"{run.directory}: example {odd} (counted from 0) has no value, or an infinite one; leave it out"
        )
    if gaps.any() and run.coder.blank is None and run.preprocessing.offset is None:
        raise UserError(
            f"{run.directory}: this run was not taught what to see for a value that is not there; train it with "
            "data.missing=mask, or standardised"
        )
    seen = x.masked_fill(gaps, 0)
    found = again(seen)
    for _ in range(rounds - 1):
        seen = torch.where(gaps, torch.from_numpy(found), x)
        found = again(seen)
    return found
