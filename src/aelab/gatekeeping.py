"""Before Hydra writes its log and its config into a run's directory: is that a place of its own?"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from aelab.errors import UserError
from aelab.tracking.containment import check_contained
from aelab.tracking.identity import check_place


class StayInside(Callback):
    """Hydra callback: exit 1 where the directory of the run, or of the sweep, or something in it, leads out."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        _refuse(config, "hydra.run.dir")

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        _refuse(config, "hydra.sweep.dir")


def _refuse(config: DictConfig, place: str) -> None:
    try:
        check_place(config)
        with suppress(OmegaConfBaseException):  # a config without a name is the run's to complain about
            check_contained(Path(OmegaConf.select(config, place)))
    except UserError as error:
        print(error, file=sys.stderr)
        raise SystemExit(1) from error
