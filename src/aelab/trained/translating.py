"""A model that writes sequences, taught to write the translation instead of the sentence that it reads."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from aelab.networks.generation import beam, write

CHUNK = 256  # sentences that are translated at once


class Taught(NamedTuple):
    """``steps`` ``[n]`` after which chrF on val was taken, ``val`` ``[n]``, and which of them was ``kept``."""

    model: Any
    steps: list[int]
    val: list[float]
    kept: int


def teach(
    model: Any,
    source: np.ndarray,
    target: np.ndarray,
    steps: int,
    every: int,
    lr: float,
    batch_size: int,
    seed: int,
    judge: Callable[[Any], float],
) -> Taught:
    """A copy of ``model`` that was taught ``target`` ``[N, T]`` from ``source`` ``[N, T]`` by Adam for so many steps,
    its rate rising over the first hundred, and then falling along a cosine; every so many ``judge`` says what it is
    worth, and the best weights are kept."""
    model = copy.deepcopy(model)
    device = model.device
    x = torch.from_numpy(source).long().to(device)
    y = torch.from_numpy(target).long().to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr)
    rate = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _share(step, steps))
    order = torch.Generator().manual_seed(seed)
    batches: list[Tensor] = []
    at: list[int] = []
    found: list[float] = []
    kept = 0
    state = copy.deepcopy(model.state_dict())
    for step in range(1, steps + 1):
        model.train()
        batches = batches or list(torch.randperm(len(x), generator=order).split(batch_size))
        rows = batches.pop().to(device)
        optimizer.zero_grad()
        of = model.network.cut(x[rows])
        towards = model.network.cut(y[rows])
        cost = model.error(model.output(model.infer(of).code, towards), towards).mean()
        cost.backward()
        optimizer.step()
        rate.step()
        if step % every == 0 or step == steps:
            model.eval()
            at.append(step)
            found.append(judge(model))
            if found[-1] > found[kept] or len(found) == 1:
                kept = len(found) - 1
                state = copy.deepcopy(model.state_dict())
    model.load_state_dict(state)
    return Taught(model.eval(), at, found, kept)


def _share(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / min(100, max(1, steps // 4))) * 0.5 * (1 + math.cos(math.pi * step / steps))


@torch.no_grad()
def translate(model: Any, source: np.ndarray, language: int, width: int | None = None) -> np.ndarray:
    """Sequences long ``[N, T]`` in a language, by its symbol, of ``source`` ``[N, T]``: the likeliest symbol each time,
    or the likeliest of ``width`` sequences that are followed."""
    found = []
    for part in torch.from_numpy(source).long().split(CHUNK):
        code = model.encode(model.network.cut(part.to(model.device)))
        first = torch.full((len(part),), language, device=model.device)
        ids = write(model.network, code, first=first)[0] if width is None else beam(model.network, code, width, first)
        found.append(ids.cpu().numpy())
    return np.concatenate(found)
