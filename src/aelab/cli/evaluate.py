"""``scripts/evaluate.py``: evaluations of a run that is finished. Nothing heavy is imported before they begin."""

from __future__ import annotations

from pathlib import Path

import hydra
from omegaconf import DictConfig, OmegaConf

from aelab.cli.ending import exit_status, told_in_one_line
from aelab.config.objects import conf_dir
from aelab.errors import UserError


@hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="evaluate")
def _job(config: DictConfig) -> None:
    with told_in_one_line():
        _evaluate(config)


def _evaluate(config: DictConfig) -> None:
    from aelab.config.checking import check_keys
    from aelab.runs.claim import claim
    from aelab.runs.record import read_record

    check_keys(config, "evaluate")
    if OmegaConf.is_missing(config, "run"):
        raise UserError("run: name the directory of a finished run, like run=outputs/runs/<run>")
    directory = Path(str(config.run))
    wanted = config.get("evaluation")
    if not wanted:
        names = ", ".join(sorted(path.stem for path in (conf_dir() / "evaluation").glob("*.yaml")))
        raise UserError(f"evaluation: choose one or a list of {names}, like evaluation=[retrieval,code_health]")
    if not directory.exists():
        raise UserError(
            f"run={directory}: no run here; name the directory of a finished run, like run=outputs/runs/<run>"
        )
    read_record(directory)
    from aelab.machines.quiet import quiet
    from aelab.trained.evaluate import evaluate_later

    quiet()
    with claim(directory):
        evaluate_later(directory, wanted, config.wandb, config.force)
    print(f"run: {directory}", flush=True)


def main() -> int:
    """The command line; returns the exit status."""
    return exit_status(_job, "evaluate")
