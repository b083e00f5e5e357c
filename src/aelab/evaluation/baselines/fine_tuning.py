"""Supervised fine-tuning of an encoder with a softmax layer on top."""

from __future__ import annotations

import copy
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aelab.evaluation.protocol import Examples, Part

CHUNK = 4096  # examples that are classified at once


class Tuned(NamedTuple):
    """``wrong``: bool ``[N]`` on the test part. ``val_errors``: of each epoch; ``epoch``: the one that was kept."""

    wrong: np.ndarray
    val_errors: list[float]
    epoch: int


def fine_tune(
    encoder: nn.Module, code_size: int, data: Examples, lr: float, batch_size: int, max_epochs: int, patience: int
) -> Tuned:
    """Train ``encoder`` and a softmax layer on its codes ``[B, code_size]`` by Adam; see Classification.

    Order of the examples and the layer's weights, which start at 0, depend on ``data.seed`` only.
    """
    assert data.train.labels is not None
    classes = np.unique(data.train.labels)
    x = torch.from_numpy(data.train.x)
    y = torch.from_numpy(np.searchsorted(classes, data.train.labels))
    top = nn.Linear(code_size, len(classes))
    nn.init.zeros_(top.weight)
    nn.init.zeros_(top.bias)
    device = next(encoder.parameters(), top.weight).device
    network = nn.Sequential(encoder, top).to(device)
    x = x.to(device)
    y = y.to(device)
    optimizer = torch.optim.Adam(network.parameters(), lr=lr, fused=True)
    order = torch.Generator().manual_seed(data.seed)
    errors: list[float] = []
    best = 0
    moved = 0
    state = copy.deepcopy(network.state_dict())
    best_loss = lowest = float("inf")
    for epoch in range(max_epochs):
        for rows in torch.randperm(len(x), generator=order).to(device).split(batch_size):
            optimizer.zero_grad()
            F.cross_entropy(network(x[rows]), y[rows]).backward()
            optimizer.step()
        logits = _logits(network, data.val.x)
        errors.append(float((classes[logits.argmax(1).numpy()] != data.val.labels).mean()))
        loss = _cross_entropy(logits, data.val, classes)
        if epoch == 0 or (errors[epoch], loss) < (errors[best], best_loss):
            best = epoch
            best_loss = loss
            moved = epoch
            state = copy.deepcopy(network.state_dict())
        if loss < lowest:  # on a plateau the error stands still long before it falls
            lowest = loss
            moved = epoch
        if epoch - moved >= patience:
            break
    network.load_state_dict(state)
    wrong = classes[_logits(network, data.test.x).argmax(1).numpy()] != data.test.labels
    return Tuned(wrong, errors, best)


@torch.no_grad()
def _logits(network: nn.Module, x: np.ndarray) -> Tensor:
    device = next(network.parameters()).device
    return torch.cat([network(part.to(device)).cpu() for part in torch.from_numpy(x).split(CHUNK)])


def _cross_entropy(logits: Tensor, part: Part, classes: np.ndarray) -> float:
    """Of the examples whose class the training part knows."""
    assert part.labels is not None
    known = np.isin(part.labels, classes)
    target = torch.from_numpy(np.searchsorted(classes, part.labels[known]))
    return F.cross_entropy(logits[torch.from_numpy(known)], target).item() if known.any() else float("inf")
