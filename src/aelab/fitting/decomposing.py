"""What fitted replicas tell: metrics with their decomposition, and pictures of it."""

from __future__ import annotations

from functools import partial

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
from aelab.runs.per_example import Contributions
from aelab.runs.picture_callback import model_pictures

SHOWN_EXAMPLES = 6
SHOWN_REPLICAS = 8


def decomposed(replication: Replication, fitted: Fitted) -> tuple[dict[str, float], Contributions, int]:
    """The metrics of fitted replicas with their decomposition; what each example and each unit contributes to it; and
    how many units were drawn independently: replicas, data sets (nested) or partitions (disjoint)."""
    kept = [member for member in range(replication.count) if fitted.keep[member]]
    metrics = {name: value[kept].double().mean().item() for name, value in fitted.metrics.items()}
    found = decompositions(replication, fitted)
    metrics |= averaged(found) | _of_draws(replication, fitted)
    contributions = of_replicas(found, range(replication.count))
    units = len(found) if len(found) > 1 else found[0].units
    linear = ReplicaPCA.of(replication, fitted.models[0].error)
    if linear is not None:
        predict = linear.predict(replication.config.network.code_size)
        beside = _by_partition(replication, predict, SquaredError(), fitted)
        metrics |= averaged(beside, "test/pca_")
        contributions = beside_pca(contributions, of_replicas(beside, range(replication.count)))
    return metrics, contributions, units


def decompositions(replication: Replication, fitted: Fitted) -> list[Decomposition]:
    """The decomposition on the test part: one for each random partition."""
    return _by_partition(replication, partial(predictions, fitted.models), fitted.models[0].error, fitted)


def _by_partition(replication: Replication, predict: Predict, error: Error, fitted: Fitted) -> list[Decomposition]:
    model = fitted.models[0]
    corruption = model.corruption if replication.plan.corrupt_test else None
    groups = _partitions(replication)
    every = replication.assignment.data_sets
    sets = [every and [every[member] for member in group] for group in groups]
    return measure(
        predict, error, replication.data.batches("test", model.device), fitted.keep, groups, sets, corruption
    )


def _of_draws(replication: Replication, fitted: Fitted) -> dict[str, float]:
    """What drawn codes tell, where there are any; of several partitions their means."""
    if not replication.plan.draws:
        return {}
    batches = replication.data.batches
    found = [
        measure_draws(
            fitted.models,
            batches("test", fitted.models[0].device),
            fitted.keep,
            group,
            replication.assignment.data_sets,
            replication.plan.draws,
        )
        for group in _partitions(replication)
    ]
    if len(found) == 1:
        return found[0]
    return {name: sum(each[name] for each in found) / len(found) for name in found[0] if name in FIGURES}


def _partitions(replication: Replication) -> list[list[int]]:
    """The members of each random partition."""
    partitions = replication.assignment.partitions or [0] * replication.count
    return [[member for member, of in enumerate(partitions) if of == each] for each in sorted(set(partitions))]


@torch.no_grad()
def decomposition_pictures(replication: Replication, fitted: Fitted) -> dict[str, np.ndarray]:
    """The pictures of one replica; test examples of the largest bias and variance with their reconstructions,
    and maps of both by pixel.

    Of the first partition. Rows: the example, then its reconstructions by the replicas.
    """
    shape = replication.data.shape
    members = [m for m in range(replication.count) if fitted.keep[m]]
    if not pictures.is_image(shape):
        return model_pictures(replication.lone(fitted, members[0]), replication.data)
    result = decompositions(replication, fitted)[0]
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
