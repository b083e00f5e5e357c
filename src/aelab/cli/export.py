"""``scripts/export.py``: a trained run as one file. Nothing heavy is imported before it begins."""

from __future__ import annotations

from pathlib import Path

import hydra
from omegaconf import DictConfig, OmegaConf

from aelab.cli.ending import exit_status, told_in_one_line
from aelab.config.objects import conf_dir
from aelab.errors import UserError


@hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="export")
def _job(config: DictConfig) -> None:
    with told_in_one_line():
        _export(config)


def _export(config: DictConfig) -> None:
    from aelab.config.checking import check_keys

    check_keys(config, "export")
    if OmegaConf.is_missing(config, "run"):
        raise UserError("run: name the directory of a finished run, like run=outputs/runs/<run>")
    if OmegaConf.is_missing(config, "format"):
        raise UserError("format: choose onnx, torch_export or codes, like format=onnx")
    if not isinstance(config.replica, int):
        raise UserError(f"replica={config.replica}: must be a number, counted from 0")
    from aelab.data.files.user_files import pick
    from aelab.machines.quiet import quiet
    from aelab.trained.code_file import write_codes
    from aelab.trained.export import SUFFIXES, export
    from aelab.trained.loading import load_run

    quiet()
    path = None if config.path is None else Path(str(config.path)).expanduser()
    run = load_run(str(config.run), replica=config.replica)
    kind = pick("format", config.format, [*SUFFIXES, "codes"])
    if kind == "codes":
        line = write_codes(run, path, config.force)
    else:
        line = export(run, kind, str(config.which), path, config.columns, config.force)
    print(line, flush=True)


def main() -> int:
    """The command line; returns the exit status."""
    return exit_status(_job, "export")
