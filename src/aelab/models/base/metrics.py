"""Sums kept as tensors and turned into metrics once an epoch: logging every step would cost half a step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from aelab.objectives.observed import filled, observed_weights

if TYPE_CHECKING:
    from aelab.models.base.learner import EvaluationTerms

ACTIVE = 0.01  # variance of a unit's mean over the data beyond which the unit is active
Reduce = Callable[[Tensor], Tensor]


class StepMeans:
    """Means of named per-batch values over an epoch, weighted by batch size.

    Every few steps the values move into one tensor a name: many small tensors that stay, among large ones that
    come and go, would keep the C library from using memory again, and an epoch would take as much as its data.
    """

    STEPS = 16

    def __init__(self) -> None:
        self.counts: list[int] = []
        self.recent: dict[str, list[Tensor]] = {}
        self.kept: dict[str, Tensor] = {}  # [..., room for more]
        self.gathered = 0

    def update(self, count: int, **values: Tensor) -> None:
        self.counts.append(count)
        for name, value in values.items():
            self.recent.setdefault(name, []).append(value.detach())
        if len(self.counts) - self.gathered == self.STEPS:
            self._gather()

    def _gather(self) -> None:
        count = len(self.counts)
        for name, recent in self.recent.items():
            new = torch.stack(recent, -1)
            kept = self.kept.get(name, new[..., :0])
            if kept.shape[-1] < count:
                room = new.new_empty((*new.shape[:-1], 2 * count))
                room[..., : self.gathered] = kept[..., : self.gathered]
                self.kept[name] = kept = room
            kept[..., self.gathered : count] = new
        self.recent = {}
        self.gathered = count

    def _values(self) -> dict[str, Tensor]:
        """Every value of each name, ``[..., batches]``."""
        if self.recent:
            self._gather()
        return {name: kept[..., : self.gathered] for name, kept in self.kept.items()}

    def state_dict(self) -> dict[str, Any]:
        """The values of the epoch so far, each name's stacked: ``[..., batches]``."""
        return {"counts": list(self.counts), "values": {name: x.clone() for name, x in self._values().items()}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.counts = list(state["counts"])
        self.recent = {}
        self.kept = dict(state["values"])
        self.gathered = len(self.counts)

    def compute(self, reduce: Reduce) -> dict[str, Tensor]:
        """Means ``[...]``, and reset. ``reduce`` sums a tensor over processes."""
        counts = torch.tensor(self.counts, dtype=torch.float64)
        total = None
        means = {}
        for name, values in self._values().items():
            stacked = values.double()
            weights = counts.to(stacked.device)
            total = reduce(weights.sum()) if total is None else total
            means[name] = reduce((stacked * weights).sum(-1)) / total
        self.__init__()  # type: ignore[misc]
        return means


class ReconstructionMetrics:
    """error, what stands beside it, loss and each penalty of one part of the data, in one pass, summed in float64.

    Beside the error of numbers stand ``mse``, the squared error of a value, and ``fvu``; beside that of symbols
    ``token_error``, the share of symbols that are not the likeliest ones, and ``token_perplexity``, exp of the nats
    that a symbol costs.
    ``fvu`` (fraction of variance unexplained) is the squared error over the total variance of the same
    examples around their own mean, 1 - R^2: 0 is perfect, 1 is predicting the mean. Where some values are not known
    each of the others counts in both as it does in the error.

    A variant's ``moments``, the mean code and its square ``[..., 2, H, B]``, give ``active_units``, how many units'
    means vary by more than 0.01 (Burda et al. 2016); its ``usage``, how often each of C codewords was taken
    ``[..., S, C, B]``, gives ``used``, their share that was taken at all, ``perplexity``, exp of the entropy of the
    usage, both means over the S codebooks, and ``rate``, the sum of the entropies for all groups of values, in nats.
    """

    def __init__(self) -> None:
        self.count: int | Tensor = 0
        self.sums: dict[str, Tensor] = {}

    def update(self, x: Tensor, measured: EvaluationTerms, weight: Tensor | None = None) -> None:
        """x ``[B, D]``, or ``[K, B, D]`` of K replicas, and what it costs. ``weight``: what each example counts,
        ``[B]`` or ``[K, B]``; None: all the same."""
        if weight is not None:
            weight = weight.double()
            measured = _weighed(measured, weight)
        count = x.shape[-2] if weight is None else weight.sum(-1)
        self.count = self.count + count
        self._add("error", measured.error.double().sum(-1))
        for name, value in measured.beside.items():
            self._add(f"beside/{name}", value.double().sum(-1))
        for name, penalty in measured.penalties.items():
            self._add(f"penalties/{name}", penalty.double() * count)
        self._add("loss", measured.loss.double() * count)
        if "squared" in measured.beside:
            self._add_variance(x.double(), "observed" in measured.beside, weight)

    def _add_variance(self, values: Tensor, partly: bool, counts: Tensor | None) -> None:
        if partly:  # each value counts as it does in the error
            weights = observed_weights(values)
            weights = weights if counts is None else weights * counts.unsqueeze(-1)
            self._add("weights", weights.sum(-2))
            values = filled(values) * weights.sqrt()
            self._add("x", (values * weights.sqrt()).sum(-2))
        elif counts is None:
            self._add("x", values.sum(-2))
        else:
            values = values * counts.sqrt().unsqueeze(-1)
            self._add("x", (values * counts.sqrt().unsqueeze(-1)).sum(-2))
        self._add("x2", values.square().sum((-2, -1)))

    def _add(self, name: str, value: Tensor) -> None:
        self.sums[name] = self.sums[name] + value if name in self.sums else value

    def compute(self, reduce: Reduce) -> dict[str, Tensor]:
        """Metrics ``[...]``, and reset. ``reduce`` sums a tensor over processes."""
        sums = {name: reduce(value) for name, value in self.sums.items()}
        count = reduce(torch.as_tensor(self.count, dtype=torch.float64, device=sums["error"].device))
        self.__init__()  # type: ignore[misc]
        penalties = {name: value / count for name, value in _under("penalties/", sums).items()}
        return with_penalty(
            {
                "error": sums["error"] / count,
                **_compared(_under("beside/", sums), sums, count),
                "loss": sums["loss"] / count,
                **penalties,
            }
        )


def _weighed(measured: EvaluationTerms, weight: Tensor) -> EvaluationTerms:
    """Errors and what stands beside them by the weights ``[..., B]``; usage of codewords is summed by them already."""

    def weighed(value: Tensor) -> Tensor:  # whose examples stand last, behind whatever it has of each
        between = [1] * (value.ndim - measured.error.ndim)
        return value.double() * weight.view(*weight.shape[:-1], *between, weight.shape[-1])

    beside = {name: value if name == "usage" else weighed(value) for name, value in measured.beside.items()}
    return measured._replace(error=weighed(measured.error), beside=beside)


def with_penalty(metrics: dict[str, Tensor]) -> dict[str, Tensor]:
    """With a ``penalty`` of 0 where a variant has none of that name, so that all variants have that metric."""
    return metrics if "penalty" in metrics else {**metrics, "penalty": torch.zeros_like(metrics["error"])}


def _under(prefix: str, sums: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in sums.items() if name.startswith(prefix)}


def _compared(beside: Mapping[str, Tensor], sums: Mapping[str, Tensor], count: Tensor) -> dict[str, Tensor]:
    """The metrics that what stands beside the error gives."""
    found = {}
    if "squared" in beside:
        weights = sums.get("weights")
        squares = sums["x"].square()
        of_means = squares.sum(-1) / count if weights is None else (squares / weights.clamp(min=1e-300)).sum(-1)
        variance = sums["x2"] - of_means
        found["mse"] = beside["squared"] / count / sums["x"].shape[-1]
        found["fvu"] = beside["squared"] / variance
    if "wrong" in beside:
        found["token_error"] = beside["wrong"] / beside["symbols"]
        found["token_perplexity"] = (sums["error"] / beside["symbols"]).exp()
    if "moments" in beside:
        mean, square = (beside["moments"] / count).unbind(-2)
        found["active_units"] = (square - mean.square() > ACTIVE).sum(-1).double()
    if "usage" in beside:
        usage = beside["usage"]
        total = usage.sum(-1, keepdim=True)
        entropy = torch.special.entr(usage / total).sum(-1)
        found["used"] = (usage > 0).double().mean((-2, -1))
        found["perplexity"] = entropy.exp().mean(-1)
        found["rate"] = (entropy * total.squeeze(-1) / count).sum(-1)
    return found
