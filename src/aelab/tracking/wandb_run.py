"""One W&B run per run: id = run id, group = sweep, a mirror of what the run's directory holds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from pytorch_lightning.loggers import WandbLogger

from aelab.tracking.wandb_mode import wandb_mode


def start_wandb(config: DictConfig, run_id: str, plain: dict[str, Any], outputs: Path) -> WandbLogger:
    """Open (or resume) the W&B run of a run. All run folders lie under ``outputs/wandb``."""
    import wandb

    outputs.mkdir(parents=True, exist_ok=True)
    # artifacts are staged where W&B's own default is the home directory, which may not outlive the run
    staging = str((outputs / ".wandb-staging").resolve())
    os.environ.setdefault("WANDB_DATA_DIR", staging)
    os.environ.setdefault("WANDB_CACHE_DIR", staging)
    run = wandb.init(
        project=config.logger.project,
        entity=config.logger.entity,
        id=run_id,
        name=run_id,
        group=config.sweep,
        job_type="train",
        tags=[config.model.name, config.data.name, *config.logger.tags],
        notes=config.logger.notes,
        config=plain,
        dir=str(outputs),
        resume="allow",
        mode=wandb_mode(config.logger.mode),  # type: ignore[arg-type]
        settings=wandb.Settings(silent=True, console="off"),
    )
    run.define_metric("epoch")
    for part in ("train", "val", "test", "pictures"):
        run.define_metric(f"{part}/*", step_metric="epoch")
    for name in ("val/error", "val/mse", "val/fvu"):
        run.define_metric(name, step_metric="epoch", summary="min")
    return WandbLogger(experiment=run, log_model=False)


def answer_agent(config: DictConfig, run_id: str, record: dict[str, Any]) -> None:
    """Tell a W&B Sweep, whose agent asked for a run that is done already, what came of it."""
    if config.logger.name != "none":
        logger = start_wandb(config, run_id, record["config"], Path(config.paths.outputs))
        finish_wandb(logger, record["metrics"], 0)


def finish_wandb(logger: WandbLogger | None, metrics: dict[str, float], exit_code: int) -> None:
    """Write the final metrics to the summary and close the run, marked failed for a non-zero exit code."""
    if logger is not None:
        run = logger.experiment
        run.summary.update(metrics)
        run.finish(exit_code=exit_code)


def upload_checkpoint(logger: WandbLogger, path: Path) -> None:
    """Upload a checkpoint as a model artifact of the run."""
    import wandb

    artifact = wandb.Artifact(f"{logger.experiment.id}-best", type="model")
    artifact.add_file(str(path.resolve()))
    logger.experiment.log_artifact(artifact)
