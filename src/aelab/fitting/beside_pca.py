"""PCA beside a run: of all training rows beside one model, of each replica's own rows beside replicas."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor

from aelab.building.once import once
from aelab.building.settling import values_of_code
from aelab.data.batches.splits import fingerprint
from aelab.data.module import DataModule
from aelab.evaluation.baselines.pca import CHUNK, PCA, Examples, fit_pca, pca_error, rebuilt
from aelab.fitting.replication import Replication
from aelab.objectives import Error
from aelab.objectives.batch import Batch
from aelab.replicas.measuring import Predict

MOST_VALUES = 4096  # of an example: beyond it the covariance costs more than many a training run


def fitted_pca(data: DataModule, error: Error) -> PCA | None:
    """PCA of the training part, the baseline beside errors of numbers; None of symbols, and of too many values."""
    if not _has_pca(data, error):
        return None
    return once(
        lambda: f"pca of {data.fingerprint('train')}",
        lambda: fit_pca(_pca_examples(data, "train"), _chunk(data), data.weights("train", _most(data))),
    )


def pca_test_error(pca: PCA, data: DataModule, code_size: int) -> float:
    """The error of PCA on the test part, as that of the model is measured."""
    return once(
        lambda: f"error of pca {[data.fingerprint(part) for part in ('train', 'test')]} {code_size}",
        lambda: pca_error(pca, _pca_examples(data, "test"), code_size, _chunk(data), data.weights("test", _most(data))),
    )


def _pca_examples(data: DataModule, part: str) -> Examples:
    """What PCA is fitted to and measured on, no more than ``_most``."""
    return data.examples(part, limit=_most(data)) if data.resident else data.pieces(part, limit=_most(data))


def _has_pca(data: DataModule, error: Error) -> bool:
    return error.kind != "symbols" and math.prod(data.shape) <= MOST_VALUES


def _most(data: DataModule) -> int:
    """Examples: 60,000 at most, of streamed data no more than 2^24 values."""
    return 60_000 if data.resident else min(60_000, 2**24 // math.prod(data.shape))


def _chunk(data: DataModule) -> int:
    """Values in double precision at a time: 2 MB where memory is what is short."""
    return CHUNK if data.resident else CHUNK // 8


class ReplicaPCA:
    """PCA of the rows that each of K replicas trained on; replicas that share their rows share it.

    ``fitted``: one for each distinct training set; ``which``: long ``[K]``, that of each replica.
    """

    def __init__(self, fitted: Sequence[PCA], which: Tensor) -> None:
        self.fitted = fitted
        self.which = which

    @classmethod
    def of(cls, replication: Replication, error: Error) -> Self | None:
        """None of symbols, and of too many values."""
        data = replication.data
        if not _has_pca(data, error):
            return None
        sets, which = torch.unique(replication.assignment.rows.sort(1).values, dim=0, return_inverse=True)
        part = "fresh" if replication.plan.needs_generator else "train"
        largest = values_of_code(replication.config, data.shape)
        fitted = once(
            lambda: f"pca of {data.fingerprint(part)}, rows {fingerprint(sets.numpy())}",
            lambda: [_pca_of_rows(data, part, rows) for rows in sets],
        )
        kept = [pca._replace(directions=pca.directions[:largest].clone()) for pca in fitted]
        return cls(kept, which)

    def predict(self, code_size: int) -> Predict:
        """Reconstructions of all replicas from ``code_size`` values: x ``[B, D]`` to ``[K, B, D]``, in float64."""

        def predict(x: Tensor, target: Tensor) -> Tensor:
            values = x[:, : len(self.fitted[0].mean)].cpu()  # of rows with more beside an example
            outputs = torch.stack([rebuilt(pca, values, code_size) for pca in self.fitted])[self.which]
            return outputs.to(x) if x.device.type == "mps" else outputs.to(x.device)  # Apple's has no float64

        return predict


def _pca_of_rows(data: DataModule, part: str, rows: Tensor) -> PCA:
    """PCA of rows of a part as the model sees them; of no more than ``_most``, spread over all."""
    some = rows[torch.linspace(0, len(rows) - 1, min(len(rows), _most(data))).long()]
    found = torch.cat(list(data.batches(part, torch.device("cpu"), some)))
    x, _, weight = Batch(found) if data.layout is None else data.layout.apart(found)
    return fit_pca(x, _chunk(data), weight)
