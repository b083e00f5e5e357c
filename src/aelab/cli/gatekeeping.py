"""Before Hydra makes a run's directory and writes into it: is that the run's own place, and is it closed?"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from aelab.config.arguments import shown
from aelab.config.objects import conf_dir
from aelab.errors import UserError
from aelab.machines.ranks import is_rank_zero
from aelab.runs.containment import check_contained
from aelab.runs.identity import check_place

PLACES = ("hydra.run.dir", "hydra.sweep.dir", "hydra.sweep.subdir", "hydra.job.chdir")


class KeepPlace(Callback):
    """Hydra callback: exit 1 where the command line moves what a program writes by keys of Hydra."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        _or_exit(check_hydra, config, kwargs.get("config_name"))

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        _or_exit(check_hydra, config, kwargs.get("config_name"))


class StayInside(KeepPlace):
    """The same, and where the directory of the run, or of the sweep, or something in it, leads out."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        super().on_run_start(config, **kwargs)
        _or_exit(_check_directory, config, "hydra.run.dir")

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        super().on_multirun_start(config, **kwargs)
        _or_exit(_check_directory, config, "hydra.sweep.dir")


def check_hydra(config: DictConfig, name: str | None) -> None:
    """Raise UserError where Hydra's places are not those of the program's own config: they follow from its keys."""
    path = conf_dir() / f"{name}.yaml"
    if not path.is_file() or not is_rank_zero():  # the processes that Lightning starts are told rank 0's
        return
    usual = OmegaConf.load(path)
    raw = OmegaConf.create(OmegaConf.to_container(config, resolve=False))
    for key in PLACES:
        value, own = (_unresolved(node, key) for node in (raw, usual))
        if value != own and not (key == "hydra.job.chdir" and not value):
            fix = "; name its place with paths.outputs=my/outputs sweep=my_sweep" if name == "train" else ""
            raise UserError(f"{key}={shown(value)}: a run lies where its config says{fix}; leave {key} out")


def _unresolved(node: Any, key: str) -> Any:
    *parents, last = key.split(".")
    for parent in parents:
        node = node.get(parent) or OmegaConf.create({})
    return OmegaConf.to_container(node, resolve=False).get(last)  # type: ignore[union-attr]


def _check_directory(config: DictConfig, place: str) -> None:
    """What a directory's name is made of, and what lies there."""
    from aelab.config.checking import check_groups
    from aelab.config.ranges import check_ranges

    check_groups(config)
    check_ranges({"paths": OmegaConf.to_container(config.paths, resolve=True)})
    check_place(config)
    with suppress(OmegaConfBaseException, OSError):  # no name, or no place: the run's to complain about
        check_contained(Path(OmegaConf.select(config, place)))


def _or_exit(check: Any, *what: Any) -> None:
    try:
        check(*what)
    except UserError as error:
        print(error, file=sys.stderr)
        raise SystemExit(1) from error
