"""The template of every variant: x -> corrupt -> encode -> decode -> error + weight * penalty."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, NamedTuple

import pytorch_lightning as pl
import torch
from torch import Tensor

from aelab.errors import DivergedError, UserError
from aelab.models.metrics import ReconstructionMetrics, StepMeans
from aelab.networks import Network
from aelab.networks.activations import activation
from aelab.objectives import NoCorruption, SquaredError
from aelab.objectives.randomness import NOISE, Generators, generators_of, per_replica, seeded_generator

PARTS = ("test", "val", "train")
RANK_STRIDE = 7919  # between the noise seeds of the processes of one run, whose noise must not be the same
NEVER = 10**9


def process_rank() -> int:
    """Which of the processes that train one model this is; 0 where it is alone."""
    distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
    return torch.distributed.get_rank() if distributed else 0


class Terms(NamedTuple):
    """What one batch costs: ``loss = error + weight * penalty``, each ``[...]``, and its code ``[..., B, H]``."""

    loss: Tensor
    error: Tensor
    penalty: Tensor
    code: Tensor


class Autoencoder(pl.LightningModule):
    """Undercomplete (or overcomplete) autoencoder; every variant overrides one hook of it.

    Hooks: ``corrupt`` (what the encoder sees), ``encode`` (how the code is made; ``training_code`` where it is noisy),
    ``penalty`` (what is added to the error) and ``observe`` (what is remembered of a training batch's code).

    ``network``: encoder and decoder. ``error``: reconstruction error that is minimised. ``corruption``: of
    the encoder's input in training; validation and test see clean inputs. ``code_activation``: applied to the
    encoder's output. ``weight``: of the penalty, a number or a tensor of length K. ``optimizer``,
    ``scheduler``: callables taking the parameters and the optimiser; schedulers step once an epoch. ``seed``: of
    noise in training.

    With ``automatic_optimization`` false a training batch is a list of batches, each with its optimiser step. With
    ``searching`` the optimiser evaluates a batch's loss several times: always with the same noise, and what is summed
    or remembered is that of the first time.

    Everything addresses trailing axes: with parameters stacked along a leading axis K and x ``[K, B, D]``,
    ``objective`` gives K losses and the sum of them trains K independent models (see replicas/stacking.py).
    """

    code_mask: Tensor | None
    varying: tuple[str, ...] = ("weight",)  # hyperparameters that may be tensors of length K
    paddable = True  # whether codes of several sizes may share a stack, zeros making up the difference

    def __init__(
        self,
        network: Network,
        error: Any = None,
        corruption: Any = None,
        code_activation: str = "identity",
        weight: float | Tensor = 0.0,
        optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.Adam,
        scheduler: Callable[..., Any] | None = None,
        seed: int | list[int] = 0,
    ) -> None:
        super().__init__()
        if not isinstance(weight, Tensor) and weight < 0:
            raise UserError(f"model.weight={weight}: must be 0 or more")
        self.network = network
        self.error = error if error is not None else SquaredError()
        self.corruption = corruption if corruption is not None else NoCorruption()
        self.code_activation = activation(code_activation, "model.code_activation")
        self.code_activation_name = code_activation
        self.weight = weight
        self.make_optimizer = optimizer
        self.make_scheduler = scheduler
        self.seed = seed
        self.register_buffer("code_mask", None, persistent=False)
        self.latest: dict[str, Tensor] = {}
        self.generator: Generators = None
        self.searching = False
        self.noise_before: list[Tensor] | None = None  # states of the generators at the first evaluation of a batch
        self.step_means = StepMeans()
        self.metrics = {part: ReconstructionMetrics() for part in PARTS}

    # --- the template and its hooks ---

    def objective(self, x: Tensor, generator: Generators = None) -> Terms:
        """Loss of x ``[..., B, D]``; depends on parameters, x and the generator only."""
        seen = self.corrupt(x, generator)
        code = self.training_code(seen, generator)
        error = self.error(self.output(code), x).mean(-1)
        penalty = self.penalty(seen, code, generator)
        if penalty is None:
            return Terms(error, error, torch.zeros_like(error), code)
        return Terms(error + self.weighted(penalty), error, penalty, code)

    def corrupt(self, x: Tensor, generator: Generators = None) -> Tensor:
        """What the encoder sees in training instead of x."""
        return self.corruption(x, generator)

    def encode(self, x: Tensor) -> Tensor:
        """Inputs ``[..., B, D]`` to codes ``[..., B, H]``."""
        code = self.code_activation(self.network.encode(x))
        return code if self.code_mask is None else code * self.code_mask

    def training_code(self, x: Tensor, generator: Generators = None) -> Tensor:
        """Codes that the objective decodes; other than ``encode`` where a variant's code is noisy."""
        return self.encode(x)

    def output(self, code: Tensor) -> Tensor:
        """The decoder's output ``[..., B, D]``: what the error takes, a reconstruction or its logits."""
        return self.network.decode(code)

    def penalty(self, x: Tensor, code: Tensor, generator: Generators = None) -> Tensor | None:
        """Unweighted penalty ``[...]`` of the input the encoder saw and its code; None for none."""
        return None

    def weighted(self, penalty: Tensor) -> Tensor:
        """The penalty ``[...]`` as it enters the loss."""
        return per_replica(self.weight, penalty) * penalty

    def observe(self, code: Tensor) -> None:
        """Remember what the variant needs of a training batch's detached code; outside the objective."""

    # --- use ---

    def decode(self, code: Tensor) -> Tensor:
        """Codes ``[..., B, H]`` to reconstructions ``[..., B, D]``."""
        return self.error.reconstruction(self.output(code))

    def reconstruct(self, x: Tensor) -> Tensor:
        """Inputs to their reconstructions, ``[..., B, D]``."""
        return self.decode(self.encode(x))

    def forward(self, x: Tensor) -> Tensor:
        return self.reconstruct(x)

    # --- training ---

    def on_train_start(self) -> None:
        if self.device.type == "cpu":  # Lightning sets it to 1, and every optimiser step then looks for a GPU's driver
            os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "0"

    def on_train_epoch_start(self) -> None:
        self.latest.clear()  # what an epoch does not measure, it does not know
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
        before, step, after = optimizer._on_before_step, optimizer.optimizer.step, optimizer._on_after_step
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
        self.observe(terms.code.detach())
        self.step_means.update(x.shape[-2], error=terms.error, penalty=terms.penalty, loss=terms.loss)
        return terms.loss.sum() if terms.loss.ndim else terms.loss

    def on_train_epoch_end(self) -> None:
        if not self.step_means.counts:  # resumed behind the epoch's last batch
            return
        means = self.step_means.compute(self._sum_over_processes)
        error = self.latest.get("val/error", means["error"])  # the last step of an epoch shows only there
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
            elif "val/error" in self.latest:
                scheduler.step(self.latest["val/error"].nanmean())

    def validation_step(self, x: Tensor, batch_idx: int) -> None:
        self._measure("val", x)

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
            scheduler |= {"monitor": "val/error", "frequency": NEVER}
        return {"optimizer": optimizer, "lr_scheduler": scheduler}

    def _measure(self, part: str, x: Tensor) -> None:
        code = self.encode(x)
        output = self.output(code)
        error = self.error(output, x)
        squared = (self.error.reconstruction(output) - x).square().sum(-1)
        mean_error = error.mean(-1)
        penalty = self.penalty(x, code)
        penalty = torch.zeros_like(mean_error) if penalty is None else penalty
        self.metrics[part].update(x, error, squared, penalty, mean_error + self.weighted(penalty))

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

    def _sum_over_processes(self, value: Tensor) -> Tensor:
        return self.trainer.strategy.reduce(value, reduce_op="sum")
