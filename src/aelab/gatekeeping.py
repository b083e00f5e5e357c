"""Before Hydra writes its log and its config into a run's directory: is that a place of its own?"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from aelab.errors import UserError
from aelab.tracking.containment import check_contained


class StayInside(Callback):
    """Hydra callback: exit 1 where something in the directory of the run, or of the sweep, leads out of it."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        with suppress(Exception):  # a config without a name is the run's to complain about
            _refuse(Path(config.hydra.run.dir))

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        with suppress(Exception):
            _refuse(Path(config.hydra.sweep.dir))


def _refuse(directory: Path) -> None:
    try:
        check_contained(directory)
    except UserError as error:
        print(error, file=sys.stderr)
        raise SystemExit(1) from error
