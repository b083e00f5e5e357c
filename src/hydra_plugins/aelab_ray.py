"""Sweeps on a Ray cluster, as a plugin of Hydra, which looks for its plugins in a package of this name.

The one released for Hydra 1.3 pins versions of other packages that today's Ray does not take.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, configure_log, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

log = logging.getLogger(__name__)


class RayLauncher(Launcher):
    """Packs of jobs as tasks of Ray.

    ``init``: of ``ray.init``. ``remote``: what Ray gives each task, ``num_cpus``, ``num_gpus``, ``resources``.
    ``runs_per_job``: at most so many runs that can share a stack in one task.
    """

    def __init__(self, init: DictConfig, remote: DictConfig, runs_per_job: int) -> None:
        self.init: Any = OmegaConf.to_container(init, resolve=True)
        self.remote: Any = OmegaConf.to_container(remote, resolve=True)
        self.runs_per_job = runs_per_job

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.context = hydra_context
        self.task = task_function
        self.config = config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        from aelab.cli.jobs import Job
        from aelab.cli.on_ray import OnRay
        from aelab.cli.packs import Packs

        setup_globals()
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        Path(self.config.hydra.sweep.dir).mkdir(parents=True, exist_ok=True)
        sweep = [Job(initial_job_idx + idx, tuple(each)) for idx, each in enumerate(job_overrides)]
        packs = Packs(self.runs_per_job, self.context, self.config, self.task)
        log.info("Launching %s jobs on Ray", len(sweep))
        return OnRay(packs, self.init, self.remote).launch(sweep)
