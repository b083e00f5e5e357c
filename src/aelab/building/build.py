"""Config groups to objects: data, network, model, callbacks, trainer."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.callbacks import Callback
from torch import Tensor

from aelab.building.agreement import check_beside, check_event, check_noise, check_range
from aelab.building.once import once
from aelab.building.progress import Progress
from aelab.config.objects import conf_dir, instantiate
from aelab.config.quoted import named
from aelab.config.trust import resolve
from aelab.data.module import PARTS, DataModule
from aelab.data.preprocessing import Preprocessing
from aelab.errors import UserError
from aelab.models import Autoencoder
from aelab.objectives import Error, ObservedError
from aelab.objectives.batch import Layout
from aelab.objectives.observed import filled
from aelab.runs.early_stopping import StopEarly
from aelab.runs.epoch_state import EpochState
from aelab.runs.fit_files import FitFiles

INITIALIZATION_EXAMPLES = 10_000
STEPS_PER_EXECUTION = 16
RISING = ("elbo", "active_units", "used", "perplexity")  # metrics that are better the higher they are
SEARCHING = (".LBFGS", ".ConjugateGradients")  # optimisers that evaluate the loss of a batch several times
_NEEDS_SINGLE_STEPS = ("fast_dev_run", "max_steps", "limit_train_batches", "accumulate_grad_batches", "overfit_batches")


def build_data(config: DictConfig, fetch: bool = True, known: Preprocessing | None = None) -> DataModule:
    """The data module, read, split and preprocessed.

    ``fetch``: download and write files where some are lacking. ``known``: the preprocessing of a run whose data these
    are, which is applied and not measured anew.
    """
    if not fetch or known:
        return _read(config, fetch, known)
    settings: Any = [OmegaConf.to_container(node, resolve=True) for node in (config.data, config.error)]
    order = settings[0].pop("seed", None)
    data = copy.copy(once(lambda: json.dumps(settings, sort_keys=True), lambda: _read(config, fetch, known)))
    data.values = dict(data.values)
    data.seed = order
    data.trainer = None
    return data


def _read(config: DictConfig, fetch: bool, known: Preprocessing | None) -> DataModule:
    data: DataModule = instantiate("data", config.data)
    data.fetches = fetch
    data.known = known
    if fetch:
        data.prepare_data()
    data.setup()
    check_range(error_of(config), config.data.name, data, PARTS)
    return data


def error_of(config: DictConfig) -> Error:
    """The error that is minimised; with ``data.missing=mask`` of the values that are observed."""
    error: Error = instantiate("error", config.error)
    return ObservedError(error) if config.data.get("missing") == "mask" else error


def build_model(
    config: DictConfig,
    shape: tuple[int, ...],
    examples: Tensor | None = None,
    error: Error | None = None,
    seed: int | None = None,
    layout: Layout | None = None,
) -> Autoencoder:
    """The model with its initial weights, which depend on ``seed`` only; without one, the config's.

    ``shape``: of one example. ``examples``: training rows ``[N, D]``, or of ``layout``, for data-dependent
    initialisations; None leaves the default weights, for a model whose weights are loaded next. ``error``: instead of
    the config's. ``layout``: of rows that are more than an example.
    """
    output = config.network.get("output_activation") or "identity"
    error = error or error_of(config)
    if output != "identity" and error.logits:
        raise UserError(
            f"error={error.name} network.output_activation={output}: this error takes the decoder's output as "
            "logits; use network.output_activation=identity, or error=squared"
        )
    corruption = instantiate("corruption", config.corruption)
    check_noise(config, error, corruption)
    seed = config.seed if seed is None else seed
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = instantiate("network", config.network, shape=shape)
        check_event(config, network, error)
        if hasattr(error, "sized"):
            error = error.sized(network.shape)
        if layout is not None:
            check_beside(config, network, layout)
            network.condition(layout.given)
        if examples is not None:
            x = examples if layout is None else layout.apart(examples).x
            instantiate("initialization", config.initialization)(network, filled(x))
        scheduler = instantiate("scheduler", config.scheduler) if config.scheduler.name != "none" else None
        model: Autoencoder = instantiate(
            "model",
            config.model,
            network=network,
            error=error,
            corruption=corruption,
            optimizer=_optimizer(config),
            scheduler=scheduler,
            seed=seed,
        )
        model.monitor = monitor_of(config)
        model.draws_targets = config.data.get("binarize") == "dynamic"
        model.layout = layout
        if examples is not None:
            with model.batch(examples) as batch:
                model.initialize(model.filled(batch.x))
        return model


def monitor_of(config: DictConfig) -> str:
    """The metric by which weights are chosen: ``monitor``, or what the variant says; UserError for one that rises."""
    monitor = str(config.get("monitor") or resolve("model", config.model._target_, conf_dir()).monitor)  # type: ignore[attr-defined]
    if monitor.rpartition("/")[2] in RISING:
        raise UserError(
            f"monitor={monitor}: the higher, the better, and weights are chosen by the lowest; use val/loss"
        )
    return monitor


def _optimizer(config: DictConfig) -> Any:
    """The optimiser's factory; not fused where Lightning would then refuse to clip gradients."""
    mixed = "mixed" in str(config.trainer.precision)
    if mixed and config.trainer.gradient_clip_val and config.optimizer.get("fused"):
        return partial(instantiate("optimizer", config.optimizer), fused=False)
    return instantiate("optimizer", config.optimizer)


def check_optimizer(config: DictConfig, model: Autoencoder) -> None:
    """Raise UserError where the optimiser or the scheduler, which are made when the fit begins, cannot be made."""
    with named("optimizer", config.optimizer):
        optimizer = model.make_optimizer(model.parameters())
    with named("scheduler", config.scheduler):
        if model.make_scheduler is not None:
            model.make_scheduler(optimizer)


def searches(config: DictConfig) -> bool:
    """Whether the optimiser evaluates the loss of a batch several times; UserError where that cannot be."""
    if not str(config.optimizer._target_).endswith(SEARCHING):
        return False
    trainer = config.trainer
    chosen = f"optimizer={config.optimizer.name}"
    variant: Any = resolve("model", config.model._target_, conf_dir())
    if getattr(variant, "players", 1) > 1:
        raise UserError(
            f"{chosen} model={config.model.name}: two players share no loss to search along; use optimizer=adam"
        )
    for key, plain in {"devices": 1, "num_nodes": 1, "gradient_clip_val": None}.items():
        if trainer[key] != plain:
            fix = "null" if plain is None else plain
            raise UserError(f"{chosen} trainer.{key}={trainer[key]}: a search along lines needs trainer.{key}={fix}")
    if trainer.precision not in ("32-true", "64-true"):
        raise UserError(f"{chosen} trainer.precision={trainer.precision}: a search needs 32-true or 64-true")
    if trainer.get("accumulate_grad_batches", 1) != 1:
        raise UserError(f"{chosen}: cannot accumulate gradients; leave trainer.accumulate_grad_batches out")
    if "lr" not in config.optimizer and config.scheduler.name != "none":
        raise UserError(f"{chosen} scheduler={config.scheduler.name}: has no learning rate; use scheduler=none")
    return True


def joined_steps(config: DictConfig, data: DataModule) -> int:
    """How many optimiser steps one Lightning step holds: several where nothing needs to look in between.

    The steps and their results are the same; what is saved is Lightning's own work, which on a small network
    costs as much as the step (docs/performance.md). Raises UserError where more are asked for than can be.
    """
    wanted = config.trainer.steps_per_execution
    plain = (
        data.resident
        and not searches(config)
        and config.trainer.devices == 1
        and config.trainer.strategy == "auto"
        and config.trainer.gradient_clip_val is None
        and config.trainer.precision in ("32-true", "64-true", "bf16-mixed")
        and not any(config.trainer.get(key) for key in _NEEDS_SINGLE_STEPS)
    )
    steps = (STEPS_PER_EXECUTION if plain else 1) if wanted == "auto" else wanted
    if steps < 1 or (steps > 1 and not plain):
        raise UserError(
            f"trainer.steps_per_execution={wanted}: more than 1 needs data in memory, one device, full or "
            "bf16-mixed precision, no gradient clipping or accumulation, no limits on steps or batches, and an "
            "optimizer that does not search; use auto or 1"
        )
    return int(steps)


def build_trainer(config: DictConfig, files: FitFiles | None, extra: Sequence[Callback] = ()) -> pl.Trainer:
    """Lightning's Trainer: metrics once an epoch, no bar of its own. ``files``: None writes and shows nothing."""
    callbacks: list[Callback] = [EpochState(), *extra]
    if files is not None:
        callbacks = [Progress(), *callbacks, *files.callbacks]
    if config.callbacks.early_stopping is not None and (files is None or files.ends_early):
        callbacks.append(StopEarly(monitor_of(config), config.callbacks.early_stopping))
    own = OmegaConf.masked_copy(config.trainer, [key for key in config.trainer if key != "steps_per_execution"])
    own._set_parent(config)
    own._set_key("trainer")
    with named("trainer", config.trainer):
        trainer: pl.Trainer = instantiate(
            "trainer",
            own,
            default_root_dir=files and files.directory,
            logger=False,
            callbacks=callbacks,
            plugins=[files.writer] if files else [],
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=files is not None,
            num_sanity_val_steps=0,
            log_every_n_steps=10**9,
            use_distributed_sampler=False,
            inference_mode=False,  # exact penalties of convolutions need gradients in evaluation
        )
    return trainer


def count_parameters(model: Autoencoder) -> int:
    """Numbers that training sets."""
    return sum(parameter.numel() for parameter in model.parameters())
