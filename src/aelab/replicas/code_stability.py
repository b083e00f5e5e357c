"""Whether replicas with discrete codes cut the data into the same classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from aelab.models.quantized.quantized import QuantizedCode

EXAMPLES = 1000  # of the test part
WORK = 5e7  # cells of contingency tables, which bound how many pairs of replicas are compared


def code_stability(indices: Tensor) -> float:
    """Mean adjusted mutual information of the codewords of pairs of replicas, by their ``indices`` ``[K, N, S, G]``.

    1 where replicas put the same examples together, whatever the numbers of their codewords; 0 on average where they
    have nothing in common (Vinh et al. 2010). Groups, which are interchangeable, are matched so that it is largest,
    which lifts what has nothing in common a little above 0; codebooks that follow one another are compared in order.
    All pairs of replicas, or as many of neighbours as is quick.
    """
    replicas, count, stages, groups = indices.shape
    if replicas < 2:
        raise ValueError(f"stability is that of two replicas or more, and there are {replicas}")
    classes = min(int(indices.max()) + 1, count)
    most = max(1, int(WORK / (stages * groups**2 * classes**2)))
    pairs = [(k, (k + apart) % replicas) for apart in range(1, replicas // 2 + 1) for k in range(replicas)]
    pairs = list(dict.fromkeys((min(pair), max(pair)) for pair in pairs))[:most]
    table = indices.cpu().numpy()
    return float(np.mean([_agreement(table[one], table[other]) for one, other in pairs]))


def _agreement(first: np.ndarray, second: np.ndarray) -> float:
    """Of two replicas ``[N, S, G]``, groups matched."""
    from sklearn.metrics import adjusted_mutual_info_score  # a second, which no other run needs

    _, stages, groups = first.shape
    found = np.array(
        [
            [
                np.mean([adjusted_mutual_info_score(first[:, s, g], second[:, s, h]) for s in range(stages)])
                for h in range(groups)
            ]
            for g in range(groups)
        ]
    )
    return float(found[linear_sum_assignment(found, maximize=True)].mean())


@torch.no_grad()
def stability_of(models: Sequence[QuantizedCode], members: Sequence[int], x: Tensor) -> float | None:
    """``code_stability`` of some replicas, by their numbers, on examples ``[N, D]``; None of fewer than two.

    ``models``: stacks and lone ones, in evaluation mode; their replicas in order.
    """
    if len(members) < 2:
        return None
    found = [model.indices(x[:EXAMPLES].to(next(model.parameters()))) for model in models]
    every = torch.cat([indices if indices.ndim == 4 else indices[None] for indices in found])
    return code_stability(every[torch.tensor(list(members), device=every.device)])
