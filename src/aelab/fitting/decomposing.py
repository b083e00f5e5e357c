"""What fitted replicas tell: metrics of every setting with their decomposition, and pictures of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from aelab.fitting.beside_pca import ReplicaPCA
from aelab.fitting.contributions import beside_pca, of_replicas
from aelab.fitting.replication import Fitted, Replication
from aelab.objectives import Error
from aelab.objectives.errors import SquaredError
from aelab.replicas.drawing import FIGURES, measure_draws
from aelab.replicas.measuring import Predict, averaged, measure, predictions
from aelab.replicas.result import Decomposition
from aelab.runs import pictures
from aelab.runs.keyed_pictures import headed_tiles, heat_map
from aelab.runs.per_example import Contributions
from aelab.runs.picture_callback import model_pictures

SHOWN_EXAMPLES = 6
SHOWN_REPLICAS = 8


def setting_results(replication: Replication, fitted: Fitted) -> tuple[list[dict[str, Any]], list[Contributions]]:
    """For every setting of the varied hyperparameters: its ``values``, ``metrics``, which replicas diverged, and its
    ``units``: what was drawn independently, replicas, data sets (nested) or partitions (disjoint). Beside
    them, what each example and each unit contributes."""
    count = replication.count
    linear = ReplicaPCA.of(replication, fitted.models[0].error)
    results, contributions = [], []
    for index, values in enumerate(replication.settings):
        members = list(range(index * count, (index + 1) * count))
        kept = [fitted.keep[member] for member in members]
        rows = [member for member in members if fitted.keep[member]]
        metrics = {name: value[rows].double().mean().item() for name, value in fitted.metrics.items()}
        decomposed = decompositions(replication, fitted, members)
        metrics |= averaged(decomposed) | _of_draws(replication, fitted, members)
        found = of_replicas(decomposed, range(count))
        units = len(decomposed) if len(decomposed) > 1 else decomposed[0].units
        if linear is not None:
            size = values.get("network.code_size", replication.config.network.code_size)
            beside = _by_partition(replication, range(count), linear.predict(size), SquaredError(), kept, fitted)
            metrics |= averaged(beside, "test/pca_")
            found = beside_pca(found, of_replicas(beside, range(count)))
        contributions.append(found)
        diverged = [number for number, one in enumerate(kept) if not one]
        results.append({"values": values, "metrics": metrics, "diverged": diverged, "units": units})
    return results, contributions


def decompositions(replication: Replication, fitted: Fitted, members: Sequence[int]) -> list[Decomposition]:
    """The decomposition on the test part of one setting's replicas: one for each random partition."""
    predict = partial(predictions, fitted.models)
    return _by_partition(replication, members, predict, fitted.models[0].error, fitted.keep, fitted)


def _by_partition(
    replication: Replication,
    members: Sequence[int],
    predict: Predict,
    error: Error,
    keep: Sequence[bool],
    fitted: Fitted,
) -> list[Decomposition]:
    model = fitted.models[0]
    corruption = model.corruption if replication.plan.corrupt_test else None
    groups = _partitions(replication, members)
    every = _data_sets(replication)
    sets = [every and [every[member] for member in group] for group in groups]
    return measure(predict, error, replication.data.batches("test", model.device), keep, groups, sets, corruption)


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


def _partitions(replication: Replication, members: Sequence[int]) -> list[list[int]]:
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
    and maps of both by pixel, on one scale.

    Of the first setting (and partition). Rows: the example, then its reconstructions by the replicas.
    """
    shape = replication.data.shape
    members = [m for m in range(replication.count) if fitted.keep[m]]
    sheets = model_pictures(replication.lone(fitted, members[0]), replication.data)
    if not pictures.is_image(shape):
        return sheets
    result = decompositions(replication, fitted, list(range(replication.count)))[0]
    x = replication.data.examples("test")
    error = fitted.models[0].error
    shown = members[:SHOWN_REPLICAS]
    headings = ["example", *(f"replica {member}" for member in shown)]
    for name, title, values in (
        ("bias", "bias²", result.per_example.bias2),
        ("variance", "variance", result.per_example.variance),
    ):
        largest = values.topk(min(SHOWN_EXAMPLES, len(x)))
        worst = x[largest.indices.to(x.device)]
        outputs = error.reconstruction(predictions(fitted.models, worst))[shown]
        rows = torch.cat([worst[None].to(outputs), outputs]).transpose(0, 1).flatten(0, 1)
        beside = [f"{title} {value:.3g}" for value in largest.values.tolist()]
        sheets[f"largest_{name}"] = headed_tiles(
            pictures.to_pixels(rows, shape), headings, beside, f"Largest {title}: {error.label}"
        )
    maps = [
        (name, title, values.reshape(shape).sum(0).cpu().numpy())
        for name, title, values in (("bias", "Bias²", result.bias2_map), ("variance", "Variance", result.variance_map))
    ]
    top = max(float(values.max()) for _, _, values in maps)
    unit = error.label.replace("per example", "per pixel").removesuffix(", summed over values")
    for name, title, values in maps:
        sheets[f"{name}_map"] = heat_map(values, top, f"{title} by pixel, mean over test examples", unit)
    return sheets
