"""Texts that a run on symbols is given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aelab.data.preprocessing import SYMBOLS, Preprocessing
from aelab.data.text.vocabulary import TextError
from aelab.errors import UserError


def as_texts(preprocessing: Preprocessing, x: Any) -> list[str] | None:
    """A list, array or column of strings, for a run that has a vocabulary; None for anything else."""
    if preprocessing.vocabulary is None or isinstance(x, Tensor):
        return None
    if isinstance(x, str):
        raise UserError(f"one text, {x[:40]!r}; give a list of texts, [text]")
    if hasattr(x, "columns"):
        raise UserError("a frame; give its column of texts, like frame['SMILES']")
    values = np.asarray(x, dtype=object).reshape(-1) if not isinstance(x, np.ndarray) or x.dtype.kind in "OUS" else None
    if values is None or not len(values) or not isinstance(values[0], str):
        return None
    odd = next((row for row, value in enumerate(values) if not isinstance(value, str)), None)
    if odd is not None:
        raise UserError(f"text {odd} (counted from 0) is {values[odd]!r}, no text; leave it out")
    return list(values)


def symbols_of(preprocessing: Preprocessing, texts: list[str], positions: int, directory: Path) -> Tensor:
    """Texts as sequences long ``[N, positions]``; UserError for the first that the run cannot take."""
    assert preprocessing.vocabulary is not None
    try:
        return torch.from_numpy(preprocessing.vocabulary.ids(texts, positions)).long()
    except TextError as error:
        shown = texts[error.row][:40]
        raise UserError(f"{directory}: text {error.row} (counted from 0), {shown!r}, {error.reason}") from error


def check_scored(preprocessing: Preprocessing, directory: Path) -> None:
    """UserError where a run is on symbols, by whose squared differences nothing can be scored."""
    if preprocessing.kind == SYMBOLS:
        raise UserError(f"{directory}: a run on symbols, which have no squared error to score them by")
