"""Bias and variance where codes are drawn: the variance that the drawing makes is a level of its own.

With codes z drawn given data D and initialisation I, for any Bregman error (objectives/bregman.py),

    E error = noise + bias2 + variance_data + variance_init + variance_code,  variance_code = E_DI [E_z A(z) - A(E_z z)]

from M independent draws of each replica. Every level is estimated with its own correction less that of the level below
it, which for the squared error is the balanced nested analysis of variance with S data sets, R seeds and M draws,

    variance_code = MS_code,   variance_init = (MS_init - MS_code) / M,   variance_data = (MS_data - MS_init) / (R M),

unbiased all. The error is that of drawn codes, ``error_sampled``; that of mean codes is decomposed beside it, as ever.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from aelab.models import Autoencoder
from aelab.objectives import ERRORS, Error
from aelab.objectives.bregman import BregmanError
from aelab.objectives.observed import filled, is_partly
from aelab.objectives.randomness import NOISE, Generators, seeded_generator
from aelab.replicas.decomposition import Decomposer
from aelab.replicas.result import Decomposition

DRAWN_VALUES = 2**22  # predictions in memory at a time, of all replicas and draws together
OF_REPLICAS = {"error": "error_sampled", "bias2": "bias2_sampled", "variance_data": "variance_sampled",
               "variance_init": "variance_code"}  # fmt: skip
OF_NESTED = {"bias2": "bias2_sampled", "variance_data": "variance_data_sampled"}
FIGURES = tuple(f"test/{name}" for name in (*OF_REPLICAS.values(), *OF_NESTED.values(), "variance_init_sampled"))


class DrawnDecomposer:
    """The decomposition of K replicas with M drawn codes each, batch by batch.

    ``groups``: the data set of each replica in a nested plan. ``keep``: False for a replica that diverged.
    """

    def __init__(
        self,
        error: Error | str,
        replicas: int,
        draws: int,
        groups: Sequence[Hashable] | None = None,
        keep: Sequence[bool] | None = None,
    ) -> None:
        known: Any = ERRORS[error] if isinstance(error, str) else error
        self.splitting: BregmanError = known.decomposition
        self.partly = is_partly(known)
        plain = _Splitting(known.name, replace(self.splitting, coordinates=lambda z, target: z), is_partly(known))
        owners = [replica for replica in range(replicas) for _ in range(draws)]
        kept = None if keep is None else [keep[replica] for replica in owners]
        self.of_draws = Decomposer(plain, len(owners), owners, kept)  # type: ignore[arg-type]
        self.of_means = None if groups is None else Decomposer(plain, replicas, groups, keep)  # type: ignore[arg-type]

    @torch.no_grad()
    def update(self, predictions: Tensor, target: Tensor, weight: Tensor | None = None) -> None:
        """Add a batch: predictions ``[K, M, B, ...]``, of symbols with their axis behind, target ``[B, ...]``, and what
        each example counts."""
        values = predictions.to("cpu" if predictions.device.type == "mps" else predictions.device, torch.float64)
        target = target.to(values)
        z = self.splitting.coordinates(values, filled(target) if self.partly else target)
        self.of_draws.update(z.flatten(0, 1), target, weight)
        if self.of_means is not None:
            self.of_means.update(z.mean(1), target, weight)

    def metrics(self, prefix: str = "test/") -> dict[str, float]:
        """``error_sampled``, ``variance_code``, ``bias2_sampled`` and ``variance_sampled``, what replicas differ by, or
        of a nested plan ``variance_data_sampled`` and ``variance_init_sampled``.

        Each with its standard errors and the ends of its interval, but where replicas that share data make it unknown.
        """
        drawn = self.of_draws.result()
        if self.of_means is None:
            return _renamed(drawn, OF_REPLICAS, prefix)
        assert drawn.variance_init is not None
        means = self.of_means.result()
        assert means.variance_init is not None
        correction = drawn.variance_init - (drawn.error - means.error)  # of the level of the code
        return _renamed(means, OF_NESTED, prefix) | {
            f"{prefix}error_sampled": drawn.error,
            f"{prefix}variance_code": drawn.variance_init,
            f"{prefix}variance_init_sampled": means.variance_init - correction,
        }


class _Splitting:
    """As much of an error as a Decomposer asks for."""

    def __init__(self, name: str, decomposition: BregmanError, partly: bool) -> None:
        self.name = name
        self.decomposition = decomposition
        self.partly = partly


def _renamed(result: Decomposition, names: dict[str, str], prefix: str) -> dict[str, float]:
    found = {}
    for name, value in result.metrics("").items():
        for old, new in names.items():
            if name == old or name.removeprefix(f"{old}_") in ("se", "se_examples", "se_replicas", "low", "high"):
                found[prefix + new + name.removeprefix(old)] = value
    return found


@torch.no_grad()
def drawn_predictions(
    models: Sequence[Autoencoder], x: Tensor, draws: int, generators: Sequence[torch.Generator]
) -> Tensor:
    """Outputs of M drawn codes of all replicas for x ``[B, D]``: ``[K, M, B, D]``. ``generators``: one a replica."""
    found = []
    first = 0
    for model in models:
        alone = isinstance(model.seed, int)
        count = 1 if alone else len(model.seed)  # type: ignore[arg-type]
        own: Generators = generators[first] if alone else list(generators[first : first + count])
        target = model.apart(x).x
        with model.batch(x.to(next(model.parameters()))) as batch:
            encoding = model.infer(model.filled(batch.x))
            outputs = torch.stack([model.output(model.draw(encoding, own), target) for _ in range(draws)])
        found.append(outputs.unsqueeze(0) if alone else outputs.transpose(0, 1))
        first += count
    return torch.cat(found)


def measure_draws(
    models: Sequence[Autoencoder],
    batches: Iterable[Tensor],
    keep: Sequence[bool],
    members: Sequence[int],
    data_sets: Sequence[int] | None,
    draws: int,
) -> dict[str, float]:
    """Metrics of drawn codes of the replicas ``members`` on ``batches`` ``[B, D]``, each with noise of its own."""
    groups = None if data_sets is None else [data_sets[k] for k in members]
    decomposer = DrawnDecomposer(models[0].error, len(members), draws, groups, [keep[k] for k in members])
    generators = [seeded_generator(replica, 0, NOISE, models[0].device) for replica in range(len(keep))]
    index = torch.tensor(members, device=models[0].device)
    for x in batches:
        for part in x.split(max(1, DRAWN_VALUES // (len(keep) * draws * x.shape[1]))):
            outputs = drawn_predictions(models, part, draws, generators)[index]
            target, _, weight = models[0].apart(part)
            decomposer.update(outputs, target, weight)
    return decomposer.metrics()
