"""What fitted replicas tell: metrics with their decomposition, and pictures of it."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch

from aelab.building.settling import values_of_code
from aelab.fitting.beside_pca import ReplicaPCA
from aelab.fitting.contributions import beside_pca, of_replicas
from aelab.fitting.replication import Fitted, Replication
from aelab.models.quantized.quantized import QuantizedCode
from aelab.objectives import Error, ObservedError, SquaredError
from aelab.objectives.observed import is_partly
from aelab.replicas.code_stability import EXAMPLES, stability_of
from aelab.replicas.drawing import FIGURES, measure_draws
from aelab.replicas.measuring import Predict, averaged, measure, predictions
from aelab.replicas.result import Decomposition
from aelab.runs import pictures
from aelab.runs.keyed_pictures import headed_tiles, heat_map
from aelab.runs.per_example import Contributions
from aelab.runs.picture_callback import model_pictures
from aelab.runs.text_pictures import by_position

SHOWN_EXAMPLES = 6
SHOWN_REPLICAS = 8


def decomposed(replication: Replication, fitted: Fitted) -> tuple[dict[str, float], Contributions, int]:
    """The metrics of fitted replicas with their decomposition; what each example and each unit contributes to it; and
    how many units were drawn independently: replicas, data sets (nested) or partitions (disjoint)."""
    kept = [member for member in range(replication.count) if fitted.keep[member]]
    metrics = {name: value[kept].double().mean().item() for name, value in fitted.metrics.items()}
    found = decompositions(replication, fitted)
    metrics |= averaged(found) | _of_draws(replication, fitted) | _of_codewords(replication, fitted, kept)
    contributions = of_replicas(found, range(replication.count))
    units = len(found) if len(found) > 1 else found[0].units
    linear = ReplicaPCA.of(replication, fitted.models[0].error)
    if linear is not None:
        predict = linear.predict(values_of_code(replication.config, replication.data.shape))
        beside = _by_partition(replication, predict, _squares(fitted.models[0].error), fitted)
        metrics |= averaged(beside, "test/pca_")
        contributions = beside_pca(contributions, of_replicas(beside, range(replication.count)))
    return metrics, contributions, units


def _squares(error: Error) -> Error:
    """The squared error, of what ``error`` counts."""
    return ObservedError(SquaredError()) if is_partly(error) else SquaredError()


def decompositions(replication: Replication, fitted: Fitted) -> list[Decomposition]:
    """The decomposition on the test part: one for each random partition."""
    return _by_partition(replication, partial(predictions, fitted.models), fitted.models[0].error, fitted)


def _by_partition(replication: Replication, predict: Predict, error: Error, fitted: Fitted) -> list[Decomposition]:
    model = fitted.models[0]
    corruption = model.corruption if replication.plan.corrupt_test else None
    groups = _partitions(replication)
    every = replication.assignment.data_sets
    sets = [every and [every[member] for member in group] for group in groups]
    batches = replication.data.batches("test", model.device)
    return measure(predict, error, batches, fitted.keep, groups, sets, corruption, model.layout)


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


def _of_codewords(replication: Replication, fitted: Fitted, members: list[int]) -> dict[str, float]:
    """``code_stability`` of replicas whose codes are made of codewords."""
    models = [model for model in fitted.models if isinstance(model, QuantizedCode)]
    found = stability_of(models, members, replication.data.wide_rows("test", limit=EXAMPLES)) if models else None
    return {} if found is None else {"test/code_stability": found}


def _partitions(replication: Replication) -> list[list[int]]:
    """The members of each random partition."""
    partitions = replication.assignment.partitions or [0] * replication.count
    return [[member for member, of in enumerate(partitions) if of == each] for each in sorted(set(partitions))]


@torch.no_grad()
def decomposition_pictures(replication: Replication, fitted: Fitted) -> dict[str, np.ndarray]:
    """The pictures of one replica; test examples of the largest bias and variance with their reconstructions,
    and maps of both by pixel, on one scale.

    Of the first partition. Rows: the example, then its reconstructions by the replicas.
    """
    shape = replication.data.shape
    members = [m for m in range(replication.count) if fitted.keep[m]]
    sheets = model_pictures(replication.lone(fitted, members[0]), replication.data)
    texts = replication.data.preprocessing.vocabulary is not None
    if not pictures.is_image(shape) and not texts:
        return sheets
    result = decompositions(replication, fitted)[0]
    if texts:
        maps_by_place = (result.bias2_map.cpu().numpy(), result.variance_map.cpu().numpy())
        return sheets | {"by_position": by_position(*maps_by_place)}
    x = replication.data.wide_rows("test")
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
        rows = torch.cat([fitted.models[0].apart(worst).x[None].to(outputs), outputs]).transpose(0, 1).flatten(0, 1)
        beside = [f"{title} {value:.3g}" for value in largest.values.tolist()]
        sheets[f"largest_{name}"] = headed_tiles(
            pictures.to_pixels(rows, shape), headings, beside, f"Largest {title}: {error.label}"
        )
    maps = [
        (name, title, summed.reshape(shape).sum(0).cpu().numpy())
        for name, title, summed in (("bias", "Bias²", result.bias2_map), ("variance", "Variance", result.variance_map))
    ]
    top = max(float(by_pixel.max()) for _, _, by_pixel in maps)
    unit = error.label.replace("per example", "per pixel").removesuffix(", summed over values")
    for name, title, by_pixel in maps:
        sheets[f"{name}_map"] = heat_map(by_pixel, top, f"{title} by pixel, mean over test examples", unit)
    return sheets
