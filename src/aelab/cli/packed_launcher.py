"""What launchers of clusters share: a sweep's jobs become packs, and who runs the cluster says what came of them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.utils import JobReturn, configure_log, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

if TYPE_CHECKING:
    from aelab.cli.jobs import Job
    from aelab.cli.packs import Packs


class PackedLauncher(Launcher):
    """``runs_per_job``: at most so many runs that can share a stack in one job of the cluster."""

    def __init__(self, runs_per_job: int) -> None:
        self.runs_per_job = runs_per_job

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.context = hydra_context
        self.task = task_function
        self.config = config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        from aelab.cli.jobs import Job
        from aelab.cli.packs import Packs

        setup_globals()
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        Path(self.config.hydra.sweep.dir).mkdir(parents=True, exist_ok=True)
        sweep = [Job(initial_job_idx + idx, tuple(each)) for idx, each in enumerate(job_overrides)]
        return self.send(Packs(self.runs_per_job, self.context, self.config, self.task), sweep)

    @abstractmethod
    def send(self, packs: Packs, sweep: Sequence[Job]) -> list[JobReturn]:
        """Have the jobs done in packs; what came of each job, in their order."""
