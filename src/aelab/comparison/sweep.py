"""What happens when a multirun ends: the comparison is built and the exit status tells the truth."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from aelab.tracking.manifest import now, read_manifest
from aelab.tracking.wandb_mode import wandb_mode


class CompareAtEnd(Callback):
    """Hydra callback: table, figures and report.html in the sweep's directory; exit 1 if a run failed."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        self.started = now()

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        from aelab.comparison.compare import compare

        directory = Path(config.paths.outputs) / config.sweep
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
        failed = [path.name for path in sorted(directory.iterdir()) if self._failed_now(path)]
        print(f"sweep: {directory}", flush=True)
        if failed:
            print(f"{len(failed)} of this sweep's runs did not complete: {', '.join(failed)}", file=sys.stderr)
        if problem:
            print(problem, file=sys.stderr)
        if failed or problem:
            raise SystemExit(1)

    def _failed_now(self, directory: Path) -> bool:
        manifest = read_manifest(directory) or {"status": "complete"}
        timings = manifest.get("timings") or {}
        latest = timings.get("finished") or timings.get("started") or ""  # an older attempt is no job of this sweep
        return manifest.get("status") != "complete" and latest >= self.started
