"""How likely examples are under a model with a normal code: importance sampling from what its encoder gives."""

from __future__ import annotations

import torch
from torch import Tensor

from aelab.models.base.learner import Encoding
from aelab.models.variational.normal_code import NormalCode
from aelab.objectives.divergence import normal_log_ratio
from aelab.objectives.likelihood import nats
from aelab.objectives.randomness import NOISE, seeded_generator

ROWS = 2**13  # codes that are decoded at once


@torch.no_grad()
def log_weights(model: NormalCode, x: Tensor, samples: int, seed: int = 0) -> Tensor:
    """``log p(x | z_k) + log p(z_k) - log q(z_k | x)`` in nats of K codes of each example ``[N, D]``: ``[N, K]``.

    Their ``logsumexp - log K`` is an estimate of ``log p(x)`` that is too low, the less the more samples (Burda et al.
    2016). The model is in evaluation mode, and ``model.has_likelihood``.
    """
    with model.batch(x) as batch:
        return _log_weights(model, batch.x, samples, seed)


def _log_weights(model: NormalCode, x: Tensor, samples: int, seed: int) -> Tensor:
    generator = seeded_generator(seed, 0, NOISE, x.device)
    encoding = model.infer(x)
    found = []
    count = max(1, ROWS // len(x))
    for first in range(0, samples, count):
        times = min(count, samples - first)
        parts = {name: part.repeat(times, 1) for name, part in encoding.parts.items()}
        code = model.draw(Encoding(parts["mean"], parts), generator)
        target = x.repeat(times, 1)
        with model.network.repeating(times):
            output = model.output(code, target)
        error = model.error(output, target)
        known = nats(model.error, error.double(), x.shape[-1], model.scale(error, x.shape[-1]))
        assert known is not None
        ratio = normal_log_ratio(code.double(), parts["mean"].double(), parts["log_variance"].double())
        found.append((-known - ratio).view(times, len(x)).T)
    return torch.cat(found, 1)
