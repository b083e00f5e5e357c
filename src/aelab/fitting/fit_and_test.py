"""A run that is prepared: fitted, its best weights tested, and what came of it in its manifest and its wandb_run."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from pytorch_lightning.strategies import FSDPStrategy

from aelab.building.build import count_parameters, error_of, monitor_of
from aelab.fitting.beside_pca import fitted_pca, pca_test_error
from aelab.fitting.beside_symbols import symbol_metrics
from aelab.fitting.contributions import intervals_of_one, of_one
from aelab.fitting.decomposing import decomposed, decomposition_pictures
from aelab.fitting.launching import relaunchable
from aelab.fitting.preparation import Single
from aelab.fitting.replication import Replication
from aelab.objectives import Error
from aelab.pretraining import is_wanted, pretrain
from aelab.runs.manifest import Manifest
from aelab.runs.per_example import write_contributions
from aelab.runs.picture_callback import keep_picture
from aelab.tracking.wandb_run import WandbRun

log = logging.getLogger(__name__)


def fit_and_test(
    config: DictConfig,
    directory: Path,
    wandb_run: WandbRun | None,
    ready: Single | Replication,
    manifest: Manifest | None = None,
) -> dict[str, float]:
    """All metrics of one model, or of the replicas of a plan."""
    if isinstance(ready, Single):
        return _fit_one(config, directory, wandb_run, ready, manifest)
    assert manifest is not None
    return _fit_replicas(config, directory, wandb_run, ready, manifest)


def units_of(error: Error) -> dict[str, Any]:
    """What a comparison must know of the unit of a run's errors, without the class that has it."""
    return {"label": error.label, "is_squared": error.is_squared}


def _timings(manifest: Manifest, began: float, fitted: float) -> dict[str, float]:
    """Seconds; of a run that was fitted in a stack with others its share of the stack's."""
    seconds = fitted - began + manifest.record["timings"].get("stack_s", 0.0)
    return {"fit_s": round(seconds, 3), "test_s": round(time.monotonic() - fitted, 3)}


def _fit_one(
    config: DictConfig, directory: Path, wandb_run: WandbRun | None, ready: Single, manifest: Manifest | None
) -> dict[str, float]:
    """Fit (from the last checkpoint where there is one) and test the best weights."""
    data = ready.data
    fit = ready.fit
    trainer = ready.fit.trainer
    model = ready.fit.model
    best = directory / "checkpoints" / "best.ckpt"
    if manifest:
        size = count_parameters(model)
        timings = {"data_s": ready.seconds}
        units = units_of(model.error)
        manifest.update(data=data.describe(), units=units, monitor=model.monitor, parameters=size, timings=timings)
    if is_wanted(config) and manifest:  # on one device, so there is one
        manifest.update(pretraining=pretrain(config, model, data, directory, wandb_run))
    fit.follow(wandb_run)
    if wandb_run and config.logger.watch:
        wandb_run.watch(model)
    began = time.monotonic()
    with relaunchable(trainer):
        fit.run()
        fitted = time.monotonic()
        if not fit.keep_best() and trainer.max_epochs == 0:  # pretraining alone
            trainer.save_checkpoint(best)
        fit.test()
    metrics = {name: value.item() for name, value in trainer.callback_metrics.items()}
    pca = fitted_pca(data, model.error)
    if pca is not None:
        metrics["test/pca_error"] = pca_test_error(pca, data, model.network.code_size)
    if not isinstance(trainer.strategy, FSDPStrategy):
        metrics |= symbol_metrics([model], data)
    if manifest and not isinstance(trainer.strategy, FSDPStrategy):  # whose weights lie in several processes
        contributions = of_one(model.eval(), data, pca)
        if contributions is not None:
            weight = data.weights("test")
            if weight is None:  # else what is compared in pairs would count all examples alike
                write_contributions(directory, [contributions])
            metrics |= intervals_of_one(contributions, None if weight is None else weight.cpu().numpy())
    if manifest:
        manifest.update(timings=_timings(manifest, began, fitted))
    if wandb_run and config.logger.upload_checkpoint:
        wandb_run.upload_checkpoint(best)
    return metrics


def _fit_replicas(
    config: DictConfig, directory: Path, wandb_run: WandbRun | None, replication: Replication, manifest: Manifest
) -> dict[str, float]:
    """Fit the replicas of a plan; their metrics, decomposed."""
    units = units_of(error_of(config))
    manifest.update(data=replication.data.describe(), units=units, monitor=monitor_of(config))
    began = time.monotonic()
    fitted = replication.fit(wandb_run)
    trained = time.monotonic()
    replication.save(fitted)
    metrics, contributions, independent = decomposed(replication, fitted)
    metrics |= symbol_metrics(fitted.models, replication.data)
    if replication.data.weights("test") is None:  # else what is compared in pairs would count all examples alike
        write_contributions(directory, [contributions])
    sheets = decomposition_pictures(replication, fitted)
    paths = [keep_picture(directory, name, pixels, replication.data.shape) for name, pixels in sheets.items()]
    if wandb_run:
        wandb_run.epochs()  # those of a run that was killed after its last one
        wandb_run.pictures(paths)
    record = {
        "plan": config.replicas.name,
        "count": replication.count,
        "chunks": len(replication.chunks),
        "test_inputs": config.corruption.name if replication.plan.corrupt_test else "clean",
        "units": independent,
        "diverged": [k for k, kept in enumerate(fitted.keep) if not kept],
    }
    if record["diverged"]:
        log.warning("replicas %s diverged and are left out; lower optimizer.lr", record["diverged"])
    timings = _timings(manifest, began, trained)
    size = count_parameters(fitted.models[0]) // max(1, len(replication.chunks[0]))
    manifest.update(replicas=record, parameters=size, timings=timings)
    return metrics
