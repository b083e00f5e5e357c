"""What each test example and each replica contributes to a run's errors, measured once it is fitted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from aelab.data.module import DataModule
from aelab.evaluation.baselines.pca import PCA, pca_errors
from aelab.evaluation.measures.intervals import mean_score
from aelab.models import Autoencoder
from aelab.replicas.measuring import predictions
from aelab.replicas.result import Decomposition
from aelab.runs.per_example import MOST_EXAMPLES, PCA_NAMES, Contributions

NONE = np.zeros(0)


@torch.no_grad()
def of_one(model: Autoencoder, data: DataModule, pca: PCA | None) -> Contributions | None:
    """Of a single model, in evaluation mode, on the test part; None where that is too large to be kept."""
    if data.size("test") > MOST_EXAMPLES:
        return None
    examples: dict[str, np.ndarray] = {}  # whole from the start: pieces between batches would break up the memory
    start = 0
    for rows in data.batches("test", model.device):
        output = predictions([model], rows)[0]
        x = rows if data.layout is None else data.layout.apart(rows).x
        beside = model.error.beside(output, x)
        squared = {"mse": beside["squared"] / x.shape[1]} if "squared" in beside else {}
        for name, values in {"error": model.error(output, x), **squared}.items():
            kept = examples.setdefault(name, np.empty(data.size("test")))
            kept[start : start + len(x)] = values.double().cpu().numpy()
        start += len(x)
    return Contributions(examples | _of_pca(pca, data, model.network.code_size), {}, NONE)


def intervals_of_one(found: Contributions, weight: np.ndarray | None = None) -> dict[str, float]:
    """Ends of the 95 % t-intervals over test examples, as metrics; none of a single test example.

    ``weight``: what each example counts, ``[N]``; None: all the same.
    """
    ends: dict[str, float] = {}
    for name, values in found.examples.items():
        score = mean_score("pca_error" if name == "pca" else name, values, weight=weight)
        if score.low is not None and score.high is not None:
            ends |= {f"test/{score.metric}_low": score.low, f"test/{score.metric}_high": score.high}
    return ends


def of_replicas(results: Sequence[Decomposition], members: Sequence[int]) -> Contributions:
    """Of a setting's decomposition, or of those of several partitions, whose units the partitions are.

    ``members``: the replicas, of which those that diverged are left out.
    """
    first = results[0]
    names = ("error", "bias2", "variance")
    examples = {name: _mean([getattr(one.per_example, name) for one in results]) for name in names}
    if len(results) > 1:
        estimates = {name: np.array([getattr(one, name) for one in results]) for name in names}
        left_out = {name: (each.sum() - each) / (len(each) - 1) for name, each in estimates.items()}
        return Contributions(examples, left_out, np.arange(len(results)))
    left_out = {name: first.left_out[name].cpu().numpy() for name in names}
    if first.count_data_sets is not None and first.diverged:
        return Contributions(examples, {}, NONE)  # which data sets are left is not told
    kept = np.array([number for number in range(len(members)) if number not in first.diverged])
    units = kept if first.count_data_sets is None else np.arange(first.count_data_sets)
    finite = all(np.isfinite(values).all() for values in left_out.values())  # two replicas cannot tell the variance's
    return Contributions(examples, left_out if finite else {"error": left_out["error"]}, units)


def beside_pca(own: Contributions, linear: Contributions) -> Contributions:
    """Those of replicas, and of PCA of the same replicas' rows as ``pca``, ``pca_bias2`` and ``pca_variance``."""
    examples = {PCA_NAMES[name]: values for name, values in linear.examples.items()}
    left_out = {PCA_NAMES[name]: values for name, values in linear.left_out.items()}
    return Contributions({**own.examples, **examples}, {**own.left_out, **left_out}, own.units)


def _of_pca(pca: PCA | None, data: DataModule, code_size: int) -> dict[str, np.ndarray]:
    """The errors of PCA of the test examples; nothing where there is no PCA, or it is measured on fewer examples."""
    if pca is None or not data.resident:
        return {}
    errors = pca_errors(pca, data.examples("test"), code_size)
    return {"pca": errors.cpu().numpy()} if len(errors) == data.size("test") else {}


def _mean(values: Sequence[Tensor]) -> np.ndarray:
    return torch.stack(list(values)).mean(0).cpu().numpy()
