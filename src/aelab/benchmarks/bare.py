"""The yardstick: the loop one would write by hand, data in memory, nothing logged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aelab.benchmarks.timing import cpu_seconds


def autoencoder(sizes: Sequence[int]) -> nn.Sequential:
    """Affine layers of these widths to the code and back, ReLU between, code and output linear."""
    layers: list[nn.Module] = []
    for half in (sizes, sizes[::-1]):
        for m, n in pairwise(half):
            layers += [nn.Linear(m, n), nn.ReLU()]
        layers.pop()
    return nn.Sequential(*layers)


def train_case(
    x: Tensor, sizes: Sequence[int], batch_size: int, epochs: int, fused: bool = True
) -> Callable[[], float]:
    """Seconds per step of Adam, in a new order each epoch."""

    def loop() -> None:
        net = autoencoder(sizes)
        optimizer = torch.optim.Adam(net.parameters(), fused=fused)
        for _ in range(epochs):
            for rows in torch.randperm(len(x)).split(batch_size):
                batch = x[rows]
                optimizer.zero_grad()
                F.mse_loss(net(batch), batch).backward()
                optimizer.step()

    return lambda: cpu_seconds(loop) / epochs / -(-len(x) // batch_size)
