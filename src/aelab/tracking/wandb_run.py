"""One W&B run per run: id = run id, group = sweep, a mirror of what the run's directory holds."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from aelab.runs.history_file import read_rows
from aelab.runs.pictures import epoch_pictures
from aelab.runs.wandb_note import FILE, Note
from aelab.tracking.naming import columns, display_name
from aelab.tracking.wandb_client import close_run, open_run


class WandbRun:
    """A run's rows of metrics, pictures and final metrics in W&B.

    A process that is killed takes the last rows with it that W&B's client had not written or sent yet. So a run
    that is resumed logs its rows anew: offline all of them, into files that take the place of those from before,
    and online those that the server lacks, which are the rows from ``starting_step`` on, as a row of metrics is the
    same and has the same place whenever it is logged. Either way there is one history with every epoch once.

    Nothing here raises: a tracker that fails costs the rest of the wandb_run, never the run.
    """

    def __init__(self, run: Any, directory: Path) -> None:
        self.run = run
        self.directory = directory
        self.failed = False
        self.last: dict[str, int] = {}
        self.rows = 0
        with self._harmless():
            self._define()

    def _define(self) -> None:
        self.run.define_metric("epoch")
        for part in ("train", "val", "test", "pictures"):
            self.run.define_metric(f"{part}/*", step_metric="epoch")
        for name in ("val/error", "val/mse", "val/fvu", "val/token_error"):
            self.run.define_metric(name, step_metric="epoch", summary="min")

    @contextmanager
    def _harmless(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if not self.failed:
                print(f"W&B takes no more of {self.directory.name} ({error!r}); the run goes on", file=sys.stderr)
            self.failed = True

    def epoch(self, row: Mapping[str, Any]) -> None:
        """Log a row of ``metrics.jsonl`` with the pictures of its epoch."""
        import wandb

        with self._harmless():
            pictures = sorted(epoch_pictures(self.directory).glob(f"*-{row['epoch']:06d}.png"))
            shown = {f"pictures/{path.stem.rpartition('-')[0]}": wandb.Image(str(path)) for path in pictures}
            self._log("", row, shown)

    def epochs(self) -> None:
        """Log the rows of ``metrics.jsonl`` that have not been logged."""
        for row in read_rows(self.directory / "metrics.jsonl"):
            if row["epoch"] > self.last.get("", -1):
                self.epoch(row)

    def layers(self) -> None:
        """Log the rows of pretrained layers that have not been logged."""
        for path in sorted((self.directory / "pretraining").glob("layer*/metrics.jsonl")):
            name = f"pretraining/{path.parent.name}/"
            for row in read_rows(path):
                with self._harmless():
                    if name not in self.last:
                        self.run.define_metric(f"{name}*", step_metric=f"{name}epoch")
                    if row["epoch"] > self.last.get(name, -1):
                        self._log(name, row, {})

    def _log(self, name: str, row: Mapping[str, Any], more: Mapping[str, Any]) -> None:
        metrics = {f"{name}{key}": value for key, value in row.items() if key != "step"}
        self.last[name] = row["epoch"]
        self._send(metrics | {"trainer/global_step": int(row["step"])} | dict(more))

    def _send(self, row: Mapping[str, Any]) -> None:
        """Log a row unless the server has as many already."""
        self.rows += 1
        if self.rows > self.run.starting_step and not self.failed:
            self.run.log(dict(row))

    def pictures(self, paths: Sequence[Path]) -> None:
        """Log pictures of the finished model."""
        import wandb

        with self._harmless():
            if paths:
                shown = {f"pictures/{path.stem}": wandb.Image(str(path)) for path in paths}
                self._send(shown | {"epoch": self.last.get("", -1) + 1})

    def again(self, record: Mapping[str, Any]) -> None:
        """Log what a finished run's directory holds, in the order in which it came about, as far as it is lacking."""
        self.layers()
        self.epochs()
        left = sorted((self.directory / "pictures").glob("*.png"))
        later = []
        for name in record.get("evaluations", {}):
            later.append([path for path in left if path.stem.startswith(f"{name}_")])
            left = [path for path in left if path not in later[-1]]
        for paths in (left, *later):
            self.pictures(paths)
        self.rows = max(self.rows, self.run.starting_step)  # what comes now is new

    def watch(self, model: Any) -> None:
        """Log histograms of weights and gradients from now on, every 100 steps."""
        with self._harmless():
            self.run.watch(model, log="all", log_freq=100)

    def upload_checkpoint(self, path: Path) -> None:
        """Upload a checkpoint as a model artifact of the run."""
        import wandb

        with self._harmless():
            artifact = wandb.Artifact(f"{self.run.id}-best", type="model")
            artifact.add_file(str(path.resolve()))
            self.run.log_artifact(artifact)

    def summary(self, metrics: Mapping[str, float]) -> None:
        """Write final metrics."""
        with self._harmless():
            self.run.summary.update(dict(metrics))

    def finish(self, metrics: Mapping[str, float], exit_code: int, signum: int | None = None) -> None:
        """Write the final metrics to the summary and close the run, marked failed for a non-zero exit code.

        ``signum``: the signal that interrupted the run.
        """
        self.summary(metrics)
        close_run(self.run, Note(self.directory / FILE), exit_code, signum)


def is_open(directory: Path) -> bool:
    """Whether a run's W&B run was left before all was handed over to it."""
    return Note(directory / FILE).is_open()


def open_wandb_run(
    config: DictConfig, directory: Path, record: Mapping[str, Any], outputs: Path, beside_others: bool = False
) -> WandbRun:
    """Open the W&B run of a run, in the place of the one that mirrored its directory before.

    ``record``: the run's, with its config and what of it was typed. ``outputs``: where ``wandb/`` lies.
    ``beside_others``: of this process, which stay open.
    """
    beside = {"reinit": "create_new"} if beside_others else {}
    run = open_run(
        outputs,
        config.logger,
        Note(directory / FILE),
        id=directory.name,
        name=display_name(record["config"], record.get("overrides") or ()),
        group=config.sweep,
        job_type="train",
        tags=[config.model.name, config.data.name, *config.logger.tags],
        notes=config.logger.notes,
        config=columns(record["config"]),
        **beside,
    )
    return WandbRun(run, directory)


def reopen_wandb_run(config: DictConfig, directory: Path, record: Mapping[str, Any], outputs: Path) -> WandbRun:
    """The W&B run of a finished run, opened again with all that it held."""
    wandb_run = open_wandb_run(config, directory, record, outputs)
    wandb_run.again(record)
    if config.logger.upload_checkpoint:
        wandb_run.upload_checkpoint(directory / "checkpoints" / "best.ckpt")
    wandb_run.summary(record["metrics"])
    return wandb_run
