"""The launcher of sweeps on one machine, as a plugin of Hydra, which looks for those in a package of this name."""

import logging
from collections.abc import Sequence
from pathlib import Path

from hydra.core.utils import JobReturn, configure_log, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

log = logging.getLogger(__name__)


class WorkersLauncher(Launcher):
    """Jobs in ``n_jobs`` long-lived processes, of which one that dies costs only its job (``aelab.cli.jobs``).

    ``stacked``: runs that can share a stack are fitted together.
    """

    def __init__(self, n_jobs: int, stacked: bool) -> None:
        self.n_jobs = n_jobs
        self.stacked = stacked

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        from aelab.cli.jobs import Jobs

        self.config = config
        self.jobs = Jobs(self.n_jobs, self.stacked, hydra_context, config, task_function)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        from aelab.cli.jobs import Job

        setup_globals()
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        Path(self.config.hydra.sweep.dir).mkdir(parents=True, exist_ok=True)
        log.info("Launching %s jobs locally", len(job_overrides))
        return self.jobs.launch([Job(initial_job_idx + idx, tuple(each)) for idx, each in enumerate(job_overrides)])
