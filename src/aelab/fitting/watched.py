"""The W&B runs of a stack's runs, open side by side, so that each shows its epochs while the stack is fitted."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from aelab.fitting.stacks import Companion
from aelab.runs.manifest import Manifest
from aelab.tracking.handed_on import close, hand_on
from aelab.tracking.wandb_run import WandbRun, open_wandb_run

MOST = 64  # open at a time; each holds files, and a stream to the server


class Watched:
    """``of``: the W&B run of each run that is watched, by its directory."""

    def __init__(self) -> None:
        self.of: dict[Path, WandbRun] = {}

    def open(self, stack: Sequence[Companion], manifests: Sequence[Manifest]) -> None:
        """Open those of a stack's runs that are to be shown in W&B."""
        shown = [pair for pair in zip(stack, manifests, strict=True) if pair[0].config.logger.name != "none"]
        if len(shown) > MOST:
            print(
                f"W&B shows {MOST} runs of this stack as they train, {len(shown) - MOST} when it is fitted", flush=True
            )
        for companion, manifest in shown[:MOST]:
            config = companion.config
            outputs = Path(config.paths.outputs)
            self.of[companion.directory] = open_wandb_run(config, companion.directory, manifest.record, outputs, True)

    def hand_on(self, epochs: dict[Path, int]) -> None:
        """Leave them to those who finish the runs. ``epochs``: the last one of each run that was fitted; W&B runs that
        hold anything else are closed, and whoever finishes the run opens it again."""
        at_end = {directory for directory, one in self.of.items() if self._is_at(one, epochs.get(directory))}
        self._close([directory for directory in self.of if directory not in at_end], 1)
        for one in self.of.values():
            hand_on(one)
        self.of = {}

    @staticmethod
    def _is_at(wandb_run: WandbRun, epoch: int | None) -> bool:
        return epoch is not None and not wandb_run.failed and wandb_run.last.get("") == epoch

    def close(self, exit_code: int, signum: int | None = None) -> None:
        """Close all that are open; ``signum``: the signal that interrupted them."""
        self._close(list(self.of), exit_code, signum)

    def _close(self, directories: Collection[Path], exit_code: int, signum: int | None = None) -> None:
        close([self.of.pop(directory) for directory in directories], exit_code, signum)
