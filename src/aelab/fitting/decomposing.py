"""What fitted replicas tell: metrics of every setting with their decomposition, and pictures of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from aelab.data.module import DataModule
from aelab.evaluation.baselines.pca import CHUNK, PCA, Examples, fit_pca, pca_error
from aelab.fitting.contributions import of_pca, of_replicas
from aelab.fitting.replication import Fitted, Replication
from aelab.objectives import Error
from aelab.replicas.drawing import FIGURES, measure_draws
from aelab.replicas.measuring import averaged, measure, predictions
from aelab.replicas.result import Decomposition
from aelab.runs import pictures
from aelab.runs.per_example import Contributions
from aelab.runs.picture_callback import model_pictures

PCA_VALUES = 4096  # beyond it the covariance costs more than many a training run
SHOWN_EXAMPLES = 6
SHOWN_REPLICAS = 8


def fitted_pca(data: DataModule, error: Error) -> PCA | None:
    """PCA of the training part, the baseline beside errors of numbers; None of symbols, and of too many values."""
    if error.kind == "symbols" or math.prod(data.shape) > PCA_VALUES:
        return None
    return fit_pca(_pca_examples(data, "train"), _chunk(data))


def pca_test_error(pca: PCA, data: DataModule, code_size: int) -> float:
    """The error of PCA on the test part, as that of the model is measured."""
    return pca_error(pca, _pca_examples(data, "test"), code_size, _chunk(data))


def _pca_examples(data: DataModule, part: str) -> Examples:
    """What PCA is fitted to and measured on: 60,000 at most, of streamed data no more than 2^24 values."""
    if data.resident:
        return data.examples(part, limit=60_000)
    return data.pieces(part, limit=min(60_000, 2**24 // math.prod(data.shape)))


def _chunk(data: DataModule) -> int:
    """Values in double precision at a time: 2 MB where memory is what is short."""
    return CHUNK if data.resident else CHUNK // 8


def setting_results(replication: Replication, fitted: Fitted) -> tuple[list[dict[str, Any]], list[Contributions]]:
    """For every setting of the varied hyperparameters: its ``values``, ``metrics``, which replicas diverged, and its
    ``units``: what was drawn independently, replicas, data sets (nested) or partitions (disjoint). Beside
    them, what each example and each unit contributes."""
    pca = fitted_pca(replication.data, fitted.models[0].error)
    results, contributions = [], []
    for index, values in enumerate(replication.settings):
        members = list(range(index * replication.count, (index + 1) * replication.count))
        kept = [member for member in members if fitted.keep[member]]
        metrics = {name: value[kept].double().mean().item() for name, value in fitted.metrics.items()}
        decomposed = decompositions(replication, fitted, members)
        metrics |= averaged(decomposed) | _of_draws(replication, fitted, members)
        units = len(decomposed) if len(decomposed) > 1 else decomposed[0].units
        size = values.get("network.code_size", replication.config.network.code_size)
        if pca is not None:
            metrics["test/pca_error"] = pca_test_error(pca, replication.data, size)
        contributions.append(of_replicas(decomposed, range(replication.count), of_pca(pca, replication.data, size)))
        diverged = [member - members[0] for member in members if not fitted.keep[member]]
        results.append({"values": values, "metrics": metrics, "diverged": diverged, "units": units})
    return results, contributions


def decompositions(replication: Replication, fitted: Fitted, members: list[int]) -> list[Decomposition]:
    """The decomposition on the test part of one setting's replicas: one for each random partition."""
    return [
        measure(
            fitted.models,
            replication.data.batches("test", fitted.models[0].device),
            fitted.keep,
            group,
            _data_sets(replication),
            replication.plan.corrupt_test,
        )
        for group in _partitions(replication, members)
    ]


def _of_draws(replication: Replication, fitted: Fitted, members: list[int]) -> dict[str, float]:
    """What drawn codes of one setting's replicas tell, where there are any; of several partitions their means."""
    if not replication.plan.draws:
        return {}
    batches = replication.data.batches
    found = [
        measure_draws(
            fitted.models,
            batches("test", fitted.models[0].device),
            fitted.keep,
            group,
            _data_sets(replication),
            replication.plan.draws,
        )
        for group in _partitions(replication, members)
    ]
    if len(found) == 1:
        return found[0]
    return {name: sum(each[name] for each in found) / len(found) for name in found[0] if name in FIGURES}


def _partitions(replication: Replication, members: list[int]) -> list[list[int]]:
    """The members of each random partition."""
    partitions = replication.assignment.partitions or [0] * replication.count
    return [[m for m, p in zip(members, partitions, strict=True) if p == q] for q in sorted(set(partitions))]


def _data_sets(replication: Replication) -> list[int] | None:
    """The data set of each replica of a nested plan, setting by setting."""
    data_sets = replication.assignment.data_sets
    return None if data_sets is None else data_sets * len(replication.settings)


@torch.no_grad()
def decomposition_pictures(replication: Replication, fitted: Fitted) -> dict[str, np.ndarray]:
    """The pictures of one replica; test examples of the largest bias and variance with their reconstructions,
    and maps of both by pixel.

    Of the first setting (and partition). Rows: the example, then its reconstructions by the replicas.
    """
    shape = replication.data.shape
    members = [m for m in range(replication.count) if fitted.keep[m]]
    if not pictures.is_image(shape):
        return model_pictures(replication.lone(fitted, members[0]), replication.data)
    result = decompositions(replication, fitted, list(range(replication.count)))[0]
    x = replication.data.examples("test")
    error = fitted.models[0].error
    sheets = model_pictures(replication.lone(fitted, members[0]), replication.data)
    for name, values in (("bias", result.per_example.bias2), ("variance", result.per_example.variance)):
        worst = x[values.topk(min(SHOWN_EXAMPLES, len(x))).indices.to(x.device)]
        outputs = error.reconstruction(predictions(fitted.models, worst))[members[:SHOWN_REPLICAS]]
        rows = torch.cat([worst[None].to(outputs), outputs]).transpose(0, 1).flatten(0, 1)
        sheets[f"largest_{name}"] = pictures.tiles(pictures.to_pixels(rows, shape), columns=1 + len(outputs))
    for name, values in (("bias", result.bias2_map), ("variance", result.variance_map)):
        sheets[f"{name}_map"] = pictures.heat(values.reshape(shape).sum(0).cpu().numpy())
    return sheets
