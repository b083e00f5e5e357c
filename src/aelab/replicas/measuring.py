"""The decomposition of trained replicas on a part of the data, streamed batch by batch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from torch import Tensor

from aelab.evaluation.measures.two_sources import symmetric
from aelab.models import Autoencoder
from aelab.objectives import Error
from aelab.objectives.batch import Batch, Layout
from aelab.objectives.observed import filled, hidden_again
from aelab.objectives.randomness import seeded_generator
from aelab.replicas.decomposition import Decomposer
from aelab.replicas.result import Decomposition

Predict = Callable[[Tensor, Tensor], Tensor]  # of inputs and their targets
Corruption = Callable[[Tensor, torch.Generator], Tensor]

VALUES_AT_A_TIME = 2**22
"""Predictions in memory at a time, of all replicas together: 16 MiB, whatever their number."""


@torch.no_grad()
def predictions(models: Sequence[Autoencoder], x: Tensor, target: Tensor | None = None) -> Tensor:
    """Outputs of all replicas for x ``[B, D]``: ``[K, B, D]``, logits for the cross-entropy; of symbols
    ``[K, B, D, V]``.

    ``target``: what they are to be where that is not x, as of corrupted inputs. ``models``: stacks and lone models, in
    evaluation mode; their replicas in order.
    """
    target = x if target is None else target
    outputs = [model.predict(x.to(next(model.parameters())), target.to(next(model.parameters()))) for model in models]
    of_stack = 3 + models[0].error.event
    return torch.cat([output if output.ndim == of_stack else output[None] for output in outputs])


def measure(
    predict: Predict,
    error: Error,
    batches: Iterable[Tensor],
    keep: Sequence[bool],
    groups: Sequence[Sequence[int]],
    data_sets: Sequence[Sequence[int] | None],
    corruption: Corruption | None = None,
    layout: Layout | None = None,
) -> list[Decomposition]:
    """Decompose the error of each group of replicas (their indices) on ``batches`` ``[B, D]``, in one pass.

    ``predict``: outputs ``[K, B, D]`` of all K replicas for inputs and their targets, as ``predictions`` gives them.
    ``keep``: per replica, False for one that diverged. ``data_sets``: of each group's members, where its plan is
    nested. ``corruption``: show the replicas inputs corrupted by it, the same noise for all of them (common random
    numbers); the target stays clean. ``layout``: of batches that are more than examples.
    """
    decomposers = [
        Decomposer(error, len(group), sets, [keep[k] for k in group])
        for group, sets in zip(groups, data_sets, strict=True)
    ]
    generator = None
    indices = [torch.tensor(group) for group in groups]
    for rows in batches:
        generator = generator or seeded_generator(0, 0, device=rows.device)
        x, _, weight = Batch(rows) if layout is None else layout.apart(rows)
        seen = rows
        if corruption:
            noisy = hidden_again(x, corruption(filled(x), generator))
            seen = noisy if layout is None else layout.with_values(rows, noisy)
        values = predict(rows[:1], rows[:1]).shape[2:].numel() if error.event else x.shape[1]
        size = max(1, VALUES_AT_A_TIME // (len(keep) * values))
        for start in range(0, len(x), size):
            some = slice(start, start + size)
            outputs = predict(seen[some], rows[some])
            for decomposer, index in zip(decomposers, indices, strict=True):
                counts = None if weight is None else weight[some]
                decomposer.update(outputs[index.to(outputs.device)], x[some], counts)
    return [decomposer.result() for decomposer in decomposers]


def averaged(results: Sequence[Decomposition], prefix: str = "test/") -> dict[str, float]:
    """Metrics of one decomposition, or the means over several random partitions.

    Over P partitions the replicas' standard error is that of the P estimates, and their part of the interval has P - 1
    degrees of freedom; examples are shared by all, so theirs is not reduced.
    """
    first = results[0].metrics(prefix)
    if len(results) == 1:
        return first
    table = [result.metrics(prefix) for result in results]
    means = {name: sum(row[name] for row in table) / len(table) for name in first}
    for name in [name for name in first if f"{name}_se" in first]:
        spread = math.sqrt(sum((row[name] - means[name]) ** 2 for row in table) / (len(table) - 1) / len(table))
        means[f"{name}_se_replicas"] = spread
        means[f"{name}_se"] = math.hypot(spread, means[f"{name}_se_examples"])
        means[f"{name}_low"], means[f"{name}_high"] = symmetric(
            means[name], results[0].count_examples, len(results), means[f"{name}_se_examples"], spread
        )
    return means


CURVES = ("val/bias2", "val/variance", "val/variance_data", "val/variance_init")


class Curves(Callback):
    """Logs ``val/bias2`` and ``val/variance`` whenever the stack in training is validated.

    ``data_sets``: of a nested plan's replicas.
    """

    def __init__(self, data_sets: Sequence[int] | None) -> None:
        self.data_sets = data_sets

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, Autoencoder)
        count = len(pl_module.seed) if isinstance(pl_module.seed, list) else 1
        for name in CURVES:  # Lightning keeps what an epoch before logged, and there may be nothing to log now
            trainer.callback_metrics.pop(name, None)
        batches = trainer.datamodule.batches("val", pl_module.device)  # type: ignore[attr-defined]
        for name, value in curves_of(batches, pl_module, [range(count)], [self.data_sets])[0].items():
            pl_module.log(name, value)


def curves_of(
    batches: Iterable[Tensor],
    model: Autoencoder,
    groups: Sequence[Sequence[int]],
    data_sets: Sequence[Sequence[int] | None],
) -> list[dict[str, Tensor]]:
    """Bias² and variance of each group of a stack's replicas on ``batches`` ``[B, D]`` of the validation part.

    Nothing of a group of which fewer than two are finite. ``data_sets``: as in ``measure``.
    """
    keep = _finite_replicas(model)
    told = [number for number, group in enumerate(groups) if sum(keep[k] for k in group) > 1]
    results = []
    if told:
        own = [groups[n] for n in told], [data_sets[n] for n in told]
        results = measure(partial(predictions, [model]), model.error, batches, keep, *own, layout=model.layout)
    found: list[dict[str, Tensor]] = [{} for _ in groups]
    for number, result in zip(told, results, strict=True):
        values: dict[str, Any] = {"val/bias2": result.bias2, "val/variance": result.variance}
        if result.variance_data is not None:
            values |= {"val/variance_data": result.variance_data, "val/variance_init": result.variance_init}
        found[number] = {name: torch.tensor(value, dtype=torch.float64).float() for name, value in values.items()}
    return found


def _finite_replicas(model: Autoencoder) -> list[bool]:
    finite = torch.stack([parameter.detach().flatten(1).isfinite().all(1).cpu() for parameter in model.parameters()])
    return [bool(state) for state in finite.all(0)]
