"""``scripts/evaluate.py``: evaluations of a run that is finished. Nothing heavy is imported before they begin."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig, OmegaConf

from aelab.configuration import conf_dir

_failures: list[str] = []


@hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="evaluate")
def _job(config: DictConfig) -> None:
    from aelab.errors import UserError

    try:
        _evaluate(config)
    except UserError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        _failures.append(str(error))


def _evaluate(config: DictConfig) -> None:
    from aelab.errors import UserError
    from aelab.tracking.manifest import claim, read_manifest

    if OmegaConf.is_missing(config, "run"):
        raise UserError("run: name the directory of a finished run, like run=outputs/runs/<run>")
    directory = Path(str(config.run))
    wanted = config.get("evaluation")
    if not wanted:
        names = ", ".join(sorted(path.stem for path in (conf_dir() / "evaluation").glob("*.yaml")))
        raise UserError(f"evaluation: choose one or a list of {names}, like evaluation=[retrieval,code_health]")
    manifest = read_manifest(directory)
    if manifest is None:
        raise UserError(f"run={directory}: no run here (manifest.json is missing or unreadable)")
    from aelab.evaluating import evaluate
    from aelab.tracking.quiet import quiet

    quiet()
    with claim(directory):
        logger = _wandb(manifest, directory) if config.wandb else None
        metrics: dict[str, float] = {}
        try:
            metrics = evaluate(directory, wanted, logger, config.force)
        finally:
            if logger is not None:
                from aelab.tracking.wandb_run import finish_wandb

                finish_wandb(logger, metrics, 0)
    print(f"run: {directory}", flush=True)


def _wandb(manifest: dict[str, Any], directory: Path) -> Any:
    """The run's own W&B run, opened again."""
    from aelab.errors import UserError
    from aelab.tracking.wandb_run import start_wandb

    config = OmegaConf.create(manifest["config"])
    if config.logger.name != "wandb":
        raise UserError(f"wandb=true: {directory} was trained with logger={config.logger.name} and has no W&B run")
    return start_wandb(config, directory.name, manifest["config"], Path(config.paths.outputs))


def main() -> int:
    """The command line; returns the exit status."""
    from aelab.explain import explain

    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    trace_wanted = os.environ.get("HYDRA_FULL_ERROR") == "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then hands its exceptions to us instead of printing them
    try:
        _job()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        if trace_wanted:
            raise
        print(explain(error), file=sys.stderr)
        return 1
    return 1 if _failures else 0
