"""How any model is trained and measured by Lightning; what it is and what a batch costs, a subclass says."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pytorch_lightning as pl
import torch
from torch import Tensor

from aelab.errors import DivergedError, UserError
from aelab.models.base.metrics import ReconstructionMetrics, StepMeans, with_penalty
from aelab.models.base.processes import process_rank
from aelab.objectives.batch import Batch
from aelab.objectives.randomness import NOISE, Generators, generators_of, per_replica, seeded_generator

PARTS = ("test", "val", "train")
RANK_STRIDE = 7919  # between the noise seeds of the processes of one run, whose noise must not be the same
NEVER = 10**9


class Encoding(NamedTuple):
    """What an encoder makes of a batch: the ``code`` ``[..., B, H]`` that is decoded, and a variant's own ``parts``."""

    code: Tensor
    parts: Mapping[str, Tensor] = MappingProxyType({})

    def detach(self) -> Encoding:
        return Encoding(self.code.detach(), {name: part.detach() for name, part in self.parts.items()})


class LossTerms(NamedTuple):
    """What one batch costs, each ``[...]``: ``loss = error + sum of factor * penalty``, and its encoding; ``penalties``
    without the factors, which the variant knows."""

    loss: Tensor
    error: Tensor
    penalties: Mapping[str, Tensor]
    encoding: Encoding


class EvaluationTerms(NamedTuple):
    """What examples cost outside training: each one's ``error`` and what stands ``beside`` it by name (see
    ``Error.beside``), ``[..., B]``; means ``[...]``."""

    error: Tensor
    beside: Mapping[str, Tensor]
    loss: Tensor
    penalties: Mapping[str, Tensor]


class Learner(pl.LightningModule):
    """Hooks: ``objective``, ``measured`` and ``observe`` (what is remembered of a training batch's encoding).

    ``monitor``: the metric by which weights are chosen, the lower the better.
    ``optimizer``, ``scheduler``: callables taking the parameters and the optimiser; schedulers step once an epoch.
    ``seed``: of noise in training, an int, or a list of K for K replicas.
    With ``automatic_optimization`` false a training batch is a list of batches, each with its step. With ``searching``
    the optimiser evaluates a batch's loss several times, with the same noise; what is summed or kept is the first.
    """

    monitor = "val/error"

    def __init__(
        self,
        optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.Adam,
        scheduler: Callable[..., Any] | None = None,
        seed: int | list[int] = 0,
    ) -> None:
        super().__init__()
        self.make_optimizer = optimizer
        self.make_scheduler = scheduler
        self.seed = seed
        self.latest: dict[str, Tensor] = {}
        self.noted: dict[str, Tensor] = {}
        self.generator: Generators = None
        self.searching = False
        self.noise_before: list[Tensor] | None = None  # states of the generators at the first evaluation of a batch
        self.step_means = StepMeans()
        self.metrics = {part: ReconstructionMetrics() for part in PARTS}

    def objective(self, x: Tensor, generator: Generators = None) -> LossTerms:
        """Loss of x ``[..., B, D]``; depends on parameters, x and the generator only."""
        raise NotImplementedError

    def observe(self, encoding: Encoding) -> None:
        """Remember what the variant needs of a training batch's detached encoding; outside the objective.

        Of several processes each sees its share of the batch: what is kept goes through ``across``.
        """

    def evaluate(self, x: Tensor) -> EvaluationTerms:
        """What x ``[..., B, D]`` costs in evaluation mode."""
        raise NotImplementedError

    def apart(self, x: Tensor) -> Batch:
        """What the rows of a batch ``[B, D]`` are made of."""
        return Batch(x)

    def on_train_start(self) -> None:
        if self.device.type == "cpu":  # Lightning sets it to 1, and every optimiser step then looks for a GPU's driver
            os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "0"

    def on_train_epoch_start(self) -> None:
        self.latest.clear()  # what an epoch does not measure, it does not know
        self.noted.clear()
        self.start_noise()

    def start_noise(self) -> None:
        """Generators of the epoch's noise, from (seed, epoch): one, or one for each replica."""
        epoch = self.current_epoch
        if isinstance(self.seed, int):
            seed = self.seed + RANK_STRIDE * process_rank()
            self.generator = seeded_generator(seed, epoch, NOISE, self.device)
        else:
            self.generator = [seeded_generator(seed, epoch, NOISE, self.device) for seed in self.seed]

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        self.noise_before = None

    def training_step(self, batch: Any, batch_idx: int) -> Tensor | None:
        if self.automatic_optimization:
            return self._searched_loss(batch) if self.searching else self._training_loss(batch)
        optimizer: Any = self.optimizers()
        # Lightning's own step costs as much as a small network's; these two calls keep its step count
        before = optimizer._on_before_step
        step = optimizer.optimizer.step
        after = optimizer._on_after_step
        parameters = list(self.parameters())
        for x in batch:
            for parameter in parameters:  # zero_grad, without its record for a profiler
                parameter.grad = None
            self._training_loss(x).backward()
            before()
            step()
            after()
        return None

    def _searched_loss(self, x: Tensor) -> Tensor:
        generators = generators_of(self.generator)
        if self.noise_before is None:
            self.noise_before = [generator.get_state() for generator in generators]
            return self._training_loss(x)
        for generator, state in zip(generators, self.noise_before, strict=True):
            generator.set_state(state)
        return self.objective(x, self.generator).loss

    def _training_loss(self, x: Tensor) -> Tensor:
        terms = self.objective(x, self.generator)
        if type(self).observe is not Learner.observe:  # a step of a small network is short
            self.observe(terms.encoding.detach())
        self.step_means.update(x.shape[-2], error=terms.error, loss=terms.loss, **terms.penalties)
        return terms.loss.sum() if terms.loss.ndim else terms.loss

    def on_train_epoch_end(self) -> None:
        if not self.step_means.counts:  # resumed behind the epoch's last batch
            return
        means = with_penalty(self.step_means.compute(self._sum_over_processes))
        error = self.latest.get(self.monitor, means["error"])  # the last step of an epoch shows only there
        if not (means["loss"].isfinite() & error.isfinite()).any():
            raise DivergedError(
                f"the error is not finite in epoch {self.current_epoch}; lower optimizer.lr or set "
                "trainer.gradient_clip_val=1 (the last good checkpoint is kept)"
            )
        self._log("train", means)
        self._step_schedulers()

    def _step_schedulers(self) -> None:
        schedulers = self.lr_schedulers() or []
        for scheduler in schedulers if isinstance(schedulers, list) else [schedulers]:
            if not isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
                scheduler.step()
            elif self.monitor in self.latest:
                scheduler.step(self.latest[self.monitor])  # of a stack each replica's own

    def validation_step(self, x: Tensor, batch_idx: int) -> None:
        self._measure("val", x)

    def _measure(self, part: str, rows: Tensor) -> None:
        x, _, weight = self.apart(rows)
        self.metrics[part].update(x, self.evaluate(rows), weight)

    def on_validation_epoch_end(self) -> None:
        self._log("val", self.metrics["val"].compute(self._sum_over_processes))

    def test_step(self, x: Tensor, batch_idx: int, dataloader_idx: int = 0) -> None:
        self._measure(PARTS[dataloader_idx], x)

    def on_test_epoch_end(self) -> None:
        for part in PARTS:
            if self.metrics[part].count:  # the loggers' curves of the other parts are those of training
                logger = None if part == "test" else False
                self._log(part, self.metrics[part].compute(self._sum_over_processes), logger)

    def configure_optimizers(self) -> Any:
        optimizer = self.make_optimizer(self.parameters())
        if self.make_scheduler is None:
            return optimizer
        scheduler = {"scheduler": self.make_scheduler(optimizer)}
        if self.automatic_optimization:
            # Lightning would step it after the epoch's checkpoint, which a resumed run then lacks: we step it before
            scheduler |= {"monitor": self.monitor, "frequency": NEVER}
        return {"optimizer": optimizer, "lr_scheduler": scheduler}

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        if isinstance(self.seed, int) or not gradient_clip_val or gradient_clip_algorithm == "value":
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)
            return
        gradients = [p.grad for p in self.parameters() if p.grad is not None]
        norms = torch.stack([g.flatten(1).square().sum(1) for g in gradients]).sum(0).sqrt()
        factors = (gradient_clip_val / (norms + 1e-6)).clamp(max=1)
        for gradient in gradients:  # a norm over the whole stack would let replicas meddle with one another
            gradient.mul_(per_replica(factors, gradient))

    def _log(self, part: str, values: dict[str, Tensor], logger: bool | None = None) -> None:
        """Keep each ``[...]`` for the replicas and log the mean over those that have not diverged."""
        self.latest |= {f"{part}/{name}": value for name, value in values.items()}
        means = {f"{part}/{name}": value.nanmean().float() for name, value in values.items()}
        self.log_dict(means, logger=logger)

    def note(self, name: str, value: Tensor) -> None:
        """Record something else of the epoch, ``[...]``: of each replica, and the mean over them."""
        self.noted[name] = value.detach()
        self.log(name, value.mean())

    def _sum_over_processes(self, value: Tensor) -> Tensor:
        return self.trainer.strategy.reduce(value, reduce_op="sum")

    def monitored(self, values: Mapping[str, Tensor]) -> Tensor:
        """The value by which weights are chosen; UserError where ``monitor`` names none of the metrics."""
        if self.monitor not in values:
            known = ", ".join(sorted(name for name in values if name.startswith("val/")))
            raise UserError(f"monitor={self.monitor}: no such metric; choose among {known}, or leave it out")
        return values[self.monitor]

    def across(self, value: Tensor, operation: str) -> Tensor:
        """``sum``, ``mean``, ``min`` or ``max`` of a tensor over the processes that train this model; alone, itself."""
        trainer = self._trainer
        if trainer is None or trainer.world_size == 1:
            return value
        return trainer.strategy.reduce(value, reduce_op=operation)
