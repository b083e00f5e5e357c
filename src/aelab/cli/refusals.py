"""A run that is refused: what Hydra has written for it is taken away, and a sweep tells of it once more at its end."""

from __future__ import annotations

import os
import platform
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from aelab.cli.ending import endings, failures
from aelab.machines.folders import clear, standing
from aelab.runs.refused import forget

TOLD = "AELAB_REFUSALS"  # in the environment of a sweep's jobs, wherever they run: the file that takes their lines


def refuse(directory: Path, line: str) -> None:
    """Say why a run is refused, keep the line for the sweep's end, and leave nothing of the run."""
    line = " ".join(line.split())
    print(line, file=sys.stderr)
    if path := os.environ.get(TOLD):
        with suppress(OSError), Path(path).open("a") as file:
            file.write(f"{line}\n")
    forget(directory)


class LeaveNothing(Callback):
    """Hydra callback: folders that this command made are gone where they are empty; a sweep tells what was refused."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        directory = Path(config.hydra.run.dir).parent
        endings.append(partial(clear, directory, standing(directory)))

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        directory = Path(config.paths.outputs) / config.sweep
        endings.append(partial(_clear_sweep, directory, standing(directory)))
        self.path = directory / f".refused-{platform.node()}-{os.getpid()}"
        os.environ[TOLD] = str(self.path.absolute())

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        os.environ.pop(TOLD, None)
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        self.path.unlink(missing_ok=True)
        if lines:
            print(f"refused, {len(lines)} of this sweep's jobs:", *lines, sep="\n", file=sys.stderr)
            failures.extend(lines)


def _clear_sweep(directory: Path, stood: Path) -> None:
    """A sweep that made its folder and has no run in it leaves neither."""
    if stood != directory and not any(directory.glob("*/")):
        (directory / "multirun.yaml").unlink(missing_ok=True)
    clear(directory, stood)
