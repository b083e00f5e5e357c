"""The bias-variance decomposition of the reconstruction error, from the predictions of K replicas.

For an example with target t, and predictions z_k of replicas k = 1..K with mean zbar, over any Bregman error:

    error    = mean_k loss(z_k, t)
    variance = mean_k D(z_k || zbar) + correction
    bias2    = loss(zbar, t) - noise - correction          so that noise + bias2 + variance = error, exactly.

The correction (see `spread`) pays for using zbar in place of the mean of infinitely many replicas. For the
squared error it makes both terms unbiased (Geman, Bienenstock & Doursat 1992):

    variance = sum_k |f_k - fbar|^2 / (K-1)                bias2 = |fbar - t|^2 - variance / K

For the cross-entropy of a Bernoulli with logits z, and A = softplus, zbar is the mean logit and sigmoid(zbar)
the normalised geometric mean of the predictions; noise is the entropy H(t), bias2 = KL(t || sigmoid(zbar)),
variance = E A(z) - A(E z). The correction is the delete-one jackknife's: it removes the bias of order 1/K. So it is
for symbols with logits z in R^V, A = logsumexp and softmax in place of sigmoid: a value is then a position, its
prediction has an axis more than the target, the vocabulary, and noise is 0.

Nested designs, S data sets with R initialisations each (Neal et al. 2018, arXiv 1810.08591):

    variance_init = E_D[ E_I A(z) - A(E_I z) ]             variance_data = E_D A(E_I z) - A(E z)

each level with its own correction. For the squared error, A(z) = |z|^2, that is the balanced ANOVA:
MSW = sum |f_sr - f_s|^2 / (S(R-1)), MSB = R sum |f_s - fbar|^2 / (S-1), variance_init = MSW, variance_data =
(MSB - MSW) / R (unbiased, hence now and then negative), bias2 = |fbar - t|^2 - MSB / (SR).
"""

import math
from collections.abc import Hashable, Sequence

import torch
from torch import Tensor

from aelab.objectives import Error
from aelab.objectives.bregman import spread
from aelab.objectives.observed import filled, is_partly, observed_weights
from aelab.replicas.checked import check_shapes, check_target, check_weight, finite_replicas, in_double, splitting
from aelab.replicas.design import design
from aelab.replicas.result import Decomposition, PerExample
from aelab.replicas.uncertainty import jackknife, leave_one_out, log_jackknife, mean, standard_error

CHUNK_VALUES = 2**16
"""Predictions taken at a time, at least one example: 512 KiB in double precision, which stays in cache."""


def decompose(
    predictions: Tensor,
    target: Tensor,
    error: str | Error = "squared",
    groups: Sequence[Hashable] | Tensor | None = None,
    drop_diverged: bool = False,
    weight: Tensor | None = None,
) -> Decomposition:
    """Decompose the error of K replicas on the same N examples into bias^2 and variance.

    predictions: [K, N, ...]; logits for the cross-entropy; logits [K, N, ..., V] of V symbols for categorical.
    target: [N, ...]; in [0, 1] for the cross-entropy; whole numbers from 0 to V - 1 for categorical.
    error: "squared", "cross_entropy" (nats), "categorical" (nats), or the error object itself. With an ObservedError
        of one of them NaN in the target is a value that is not known: the others of its example count for it.
    groups: for a nested design, the data set that each replica was trained on: length K, every data set with
        the same number of replicas, 2 or more.
    drop_diverged: leave out replicas whose predictions are not finite instead of refusing them. In a nested
        design their whole data set is left out, which keeps it balanced.
    weight: what each example counts, [N], above 0; None: all the same. Whole numbers give what as many copies of the
        examples would; standard errors remain those of N examples.

    Raises ValueError as `Decomposer` and its `update` do.
    """
    predictions = torch.as_tensor(predictions)
    target = torch.as_tensor(target)
    check_shapes(predictions, target, splitting(error).event)
    keep = finite_replicas(predictions) if drop_diverged else None
    decomposer = Decomposer(error, len(predictions), groups, keep)
    decomposer.update(predictions, target, None if weight is None else torch.as_tensor(weight))
    return decomposer.result()


class Decomposer:
    """`decompose` for a test set that arrives in batches.

    It keeps a few numbers per example, per replica and per value, O(N + K + D), and never the predictions.

    error, groups: as for `decompose`.
    keep: length K, False for a replica to leave out because it diverged. It must be known before the first
        batch: a replica's earlier predictions cannot be taken out of the sums again.

    Raises ValueError if the error is unknown, fewer than two replicas (nested: data sets) are left, or the
    groups do not give every data set the same number of replicas, 2 or more.
    """

    def __init__(
        self,
        error: str | Error,
        count_replicas: int,
        groups: Sequence[Hashable] | Tensor | None = None,
        keep: Sequence[bool] | Tensor | None = None,
    ) -> None:
        self._error = splitting(error)
        self._partly = is_partly(error)
        self._error_name = error if isinstance(error, str) else error.name
        self._count = count_replicas
        self._nested = groups is not None
        self._units, self._diverged = design(count_replicas, groups, keep)
        self._counts: list[Tensor] = []  # per chunk: what each example counts, where they do not count alike
        self._rows: list[Tensor] = []  # per chunk: a row per quantity, a column per example
        self._unit_sums = torch.zeros(())  # a row per quantity, a column per unit
        self._maps = torch.zeros(())  # bias2 and variance of every value, summed over examples
        self._shape: torch.Size | None = None

    @torch.no_grad()
    def update(self, predictions: Tensor, target: Tensor, weight: Tensor | None = None) -> None:
        """Add a batch: predictions [K, B, ...], of symbols [K, B, ..., V], target [B, ...], weight [B].

        Raises ValueError, and adds nothing, if shapes disagree, the target is out of range, or a replica in
        use predicts something that is not finite, or weights are not above 0 or of some batches only.
        """
        self._check(predictions, target)
        check_weight(weight, len(target), bool(self._rows), bool(self._counts))
        self._shape = target.shape[1:]
        event = predictions.shape[predictions.ndim - self._error.event :]
        size = max(1, CHUNK_VALUES // predictions[:, 0].numel())
        for start in range(0, len(target), size):
            t = in_double(target[start : start + size])
            t = t.reshape(len(t), -1)
            z = in_double(predictions[self._units.flatten(), start : start + size])
            z = z.reshape(*self._units.shape, *t.shape, *event)
            weights = observed_weights(t) if self._partly else None
            t = t if weights is None else filled(t)
            counts = None if weight is None else in_double(weight[start : start + size])
            self._add(self._error.coordinates(z, t), t, weights, counts)

    def result(self) -> Decomposition:
        """The decomposition of all batches so far. Raises ValueError if there were none."""
        if self._shape is None:
            raise ValueError("no examples: call update before result")
        rows = torch.cat(self._rows, dim=1)
        counts = torch.cat(self._counts) if self._counts else None
        examples = rows.shape[1] if counts is None else counts.sum().item()
        error, noise, naive_bias2, bias2, variance, variance_init = rows
        parts = {"error": error, "bias2": bias2, "variance": variance}
        if self._nested:
            parts |= {"variance_data": variance - variance_init, "variance_init": variance_init}
        left_out = leave_one_out(*(self._unit_sums / examples).unbind())
        figures = {"noise": mean(noise, counts), "naive_bias2": mean(naive_bias2, counts)}
        for name, part in parts.items():
            se_examples = standard_error(part, counts)
            se_replicas = jackknife(left_out[name])
            figures[name] = mean(part, counts)
            figures[f"{name}_se"] = math.hypot(se_examples, se_replicas)
            figures[f"{name}_se_examples"] = se_examples
            figures[f"{name}_se_replicas"] = se_replicas
        figures["variance_se_log_replicas"] = log_jackknife(left_out["variance"])
        total = figures["noise"] + figures["bias2"] + figures["variance"]
        if not abs(total - figures["error"]) <= 1e-12 * figures["error"]:
            raise RuntimeError(f"noise + bias2 + variance is {total!r}, but the error {figures['error']!r}")
        bias2_map, variance_map = (self._maps / examples).reshape(2, *self._shape)
        return Decomposition(
            **figures,
            error_name=self._error_name,
            noiseless=self._error.noiseless,
            naive_variance=figures["error"] - figures["noise"] - figures["naive_bias2"],
            count_replicas=self._units.numel(),
            count_examples=rows.shape[1],
            count_data_sets=len(self._units) if self._nested else None,
            diverged=self._diverged,
            per_example=PerExample(error, bias2, variance),
            left_out={name: left_out[name] - (figures["noise"] if name == "bias2" else 0.0) for name in parts},
            bias2_map=bias2_map,
            variance_map=variance_map,
        )

    def _add(self, z: Tensor, target: Tensor, weights: Tensor | None, counts: Tensor | None) -> None:
        """z: coordinates [U, R, B, D(, V)], of U units (data sets, else replicas) of R replicas; target [B, D].

        weights: what each value counts, [B, D], and counts: each example, [B]; None: all the same.
        """
        error = self._error

        def weighed(values: Tensor) -> Tensor:
            return values if weights is None else values * weights

        loss = weighed(error.loss(z, target)).sum(-1)
        noise = weighed(error.noise(target))
        centres = z.mean(1) if self._nested else z.squeeze(1)
        centre = centres.mean(0)
        between, between_correction = map(weighed, spread(error, centres, centre))
        correction = between_correction.mean(0)
        naive_variance = between.mean(0)
        variance_init = torch.zeros_like(target)
        init = init_correction = torch.zeros_like(loss)
        if self._nested:
            within, within_correction = map(weighed, spread(error, z.transpose(0, 1), centres))
            naive_variance += within.mean((0, 1))
            variance_init = within.mean((0, 1)) + within_correction.mean((0, 1))
            init_correction = within_correction.sum(-1).transpose(0, 1)
            init = within.sum(-1).transpose(0, 1) + init_correction
        naive_bias2 = weighed(error.loss(centre, target)) - noise
        bias2 = naive_bias2 - correction
        variance = naive_variance + correction

        by_value = (noise, naive_bias2, bias2, variance, variance_init)
        self._rows.append(torch.stack([loss.mean((0, 1)), *(each.sum(-1) for each in by_value)]))
        if counts is not None:
            self._counts.append(counts)
            loss, init, init_correction = (each * counts for each in (loss, init, init_correction))
            between, between_correction, bias2, variance = (
                each * counts.unsqueeze(-1) for each in (between, between_correction, bias2, variance)
            )
        error_sums, *init_sums = (each.mean(1).sum(-1) for each in (loss, init, init_correction))
        between_sums = between.sum((1, 2)) + between_correction.sum((1, 2))
        self._unit_sums = self._unit_sums + torch.stack([error_sums, between_sums, *init_sums])
        self._maps = self._maps + torch.stack([bias2.sum(0), variance.sum(0)])

    def _check(self, predictions: Tensor, target: Tensor) -> None:
        check_shapes(predictions, target, self._error.event)
        if len(predictions) != self._count:
            raise ValueError(f"predictions of {len(predictions)} replicas, expected {self._count}")
        if self._shape not in (None, target.shape[1:]):
            raise ValueError(f"examples of shape {[*target.shape[1:]]}, before {[*(self._shape or ())]}")
        check_target(self._error, predictions, target, self._partly)
        finite = finite_replicas(predictions).tolist()
        for replica in sorted(self._units.flatten().tolist()):
            if not finite[replica]:
                raise ValueError(f"the predictions of replica {replica} are not finite: drop it as diverged")
