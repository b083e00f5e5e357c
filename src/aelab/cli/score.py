"""``scripts/score.py``: new examples scored by a trained run. Nothing heavy is imported before it begins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig, OmegaConf

from aelab.cli.ending import exit_status, told_in_one_line
from aelab.config.objects import conf_dir
from aelab.errors import UserError, plain


@hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="score")
def _job(config: DictConfig) -> None:
    with told_in_one_line():
        _score(config)


def _score(config: DictConfig) -> None:
    from aelab.config.arguments import shown
    from aelab.config.checking import check_keys

    check_keys(config, "score")
    if OmegaConf.is_missing(config, "run"):
        raise UserError("run: name the directory of a finished run, like run=outputs/runs/<run>")
    if OmegaConf.is_missing(config, "path"):
        raise UserError("path: name what is to be scored, like path=new.csv")
    for key, least in (("replica", 0), ("contributors", 0)):
        value = config[key]
        if value is not None and (type(value) is not int or value < least):
            raise UserError(f"{key}={shown(value)}: must be a whole number of 0 or more, like {key}=3")
    if config.threshold is not None and type(config.threshold) not in (int, float):
        raise UserError(f"threshold={shown(config.threshold)}: must be a number, or null for the run's own")
    typed = _typed(config.data)
    from aelab.machines.quiet import quiet
    from aelab.trained.loading import load_run
    from aelab.trained.score import score

    quiet()
    run = load_run(str(config.run), replica=config.replica or 0)
    output = None if config.output is None else Path(str(config.output)).expanduser()
    path = Path(str(config.path)).expanduser()
    lines = score(run, path, output, typed, config.threshold, config.contributors, config.codes, config.force)
    print(*map(plain, lines), sep="\n", flush=True)  # which quote the file


def _typed(data: DictConfig) -> dict[str, object]:
    """The keys of data that are named; UserError for one that no reader has, or of a wrong type."""
    from aelab.config.arguments import check_arguments, check_names
    from aelab.data.arrays import Arrays
    from aelab.data.table import Table

    plain: Any = OmegaConf.to_container(data)
    values = {str(key): value for key, value in plain.items() if value is not None}
    reader = Arrays if "key" in values else Table
    check_names("data", reader, values, "reading it")
    check_arguments("data", reader, values)
    return values


def main() -> int:
    """The command line; returns the exit status."""
    return exit_status(_job, "score")
