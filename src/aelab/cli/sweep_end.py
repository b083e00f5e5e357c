"""What happens when a multirun ends: the comparison is built and the exit status tells the truth."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from aelab.machines.ranks import is_rank_zero
from aelab.machines.workers import end_all
from aelab.runs.claim import claim, is_held
from aelab.runs.manifest import marks, read_manifest, state
from aelab.tracking.wandb_mode import wandb_mode


class CompareAtEnd(Callback):
    """Hydra callback: table, figures and report.html in the sweep's directory; exit 1 if a run failed."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        directory = Path(config.paths.outputs) / config.sweep
        self.before = {path: marks(path) for path in directory.glob("*/")}

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        from aelab.cli.compare import compare

        end_all()
        if not is_rank_zero():
            return
        directory = Path(config.paths.outputs) / config.sweep
        self._wait_for_others(directory)
        if not any(directory.glob("*/manifest.json")):
            return
        problem = None
        tracked = config.logger.name == "wandb"
        try:
            compare([directory], wandb_mode=wandb_mode(config.logger.mode) if tracked else None)
        except Exception as error:  # Hydra would only log it
            if type(error).__module__.startswith("wandb"):  # a tracker that is down costs a picture, not the sweep
                print(f"the comparison is written, but not logged to W&B: {error}", file=sys.stderr)
            else:
                reason = " ".join(str(error).split()) or type(error).__name__
                problem = f"no comparison of {directory}: {reason}"
        incomplete = [
            f"{path.name} ({state})" for path in sorted(directory.glob("*/")) if (state := self._lacking(path))
        ]
        print(f"sweep: {directory}", flush=True)
        if incomplete:
            print(
                f"{len(incomplete)} of this sweep's runs did not complete: {', '.join(incomplete)}; "
                "the same command tries again",
                file=sys.stderr,
            )
        if problem:
            print(problem, file=sys.stderr)
        if incomplete or problem:
            raise SystemExit(1)

    def _wait_for_others(self, directory: Path) -> None:
        """Another sweep in this directory may still be at runs that this one wants."""
        held = [path for path in sorted(directory.glob("*/")) if self._ours(path) and is_held(path)]
        if held:
            print(f"waiting for runs that other processes are at: {', '.join(path.name for path in held)}", flush=True)
        for path in held:
            with claim(path, wait=True):
                pass

    def _ours(self, directory: Path) -> bool:
        """Whether this sweep touched the run: the clock may have been set back, so no times are compared."""
        return self.before.get(directory) != marks(directory)

    def _lacking(self, directory: Path) -> str:
        """The state of a run of this sweep that has no result; empty for others."""
        manifest = read_manifest(directory)
        if manifest is None or manifest.get("status") == "complete" or not self._ours(directory):
            return ""
        return state(directory, manifest)
