"""What each test example and each replica contributes to a run's errors, measured once it is fitted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from aelab.data.module import DataModule
from aelab.evaluation.baselines.pca import PCA, pca_errors
from aelab.models import Autoencoder
from aelab.replicas.measuring import predictions
from aelab.replicas.result import Decomposition
from aelab.runs.per_example import MOST_EXAMPLES, Contributions

NONE = np.zeros(0)


@torch.no_grad()
def of_one(model: Autoencoder, data: DataModule, pca: PCA | None) -> Contributions | None:
    """Of a single model, in evaluation mode, on the test part; None where that is too large to be kept."""
    if data.size("test") > MOST_EXAMPLES:
        return None
    batches = data.batches("test", model.device)
    error = torch.cat([model.error(predictions([model], x)[0], x).double().cpu() for x in batches])
    return Contributions({"error": error.numpy()} | of_pca(pca, data, model.network.code_size), {}, NONE)


def of_replicas(results: Sequence[Decomposition], members: Sequence[int], pca: dict[str, np.ndarray]) -> Contributions:
    """Of a setting's decomposition, or of those of several partitions, whose units the partitions are.

    ``members``: the replicas, of which those that diverged are left out.
    """
    first, names = results[0], ("error", "bias2", "variance")
    examples = {name: _mean([getattr(one.per_example, name) for one in results]) for name in names} | pca
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


def of_pca(pca: PCA | None, data: DataModule, code_size: int) -> dict[str, np.ndarray]:
    """The errors of PCA of the test examples; nothing where there is no PCA, or it is measured on fewer examples."""
    if pca is None or not data.resident:
        return {}
    errors = pca_errors(pca, data.examples("test"), code_size)
    return {"pca": errors.cpu().numpy()} if len(errors) == data.size("test") else {}


def _mean(values: Sequence[Tensor]) -> np.ndarray:
    return torch.stack(list(values)).mean(0).cpu().numpy()
