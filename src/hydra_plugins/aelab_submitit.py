"""Sweeps as job arrays of SLURM, as a plugin of Hydra, which looks for its plugins in a package of this name.

It is Hydra's own submitit launcher, but its jobs are packs of runs. Without submitit (``aelab[slurm]``) there is none.
"""

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

log = logging.getLogger(__name__)


class PackedLauncher(Launcher):
    """Packs of jobs as an array of ``cluster``, ``slurm`` or ``local``.

    ``runs_per_job``: at most so many runs that can share a stack in one job. ``params``: of the submitit launcher.
    """

    def __init__(self, cluster: str, runs_per_job: int, **params: Any) -> None:
        self.cluster = cluster
        self.runs_per_job = runs_per_job
        self.params: Any = OmegaConf.to_container(OmegaConf.create(params), resolve=True)

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.context = hydra_context
        self.task = task_function
        self.config = config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        from aelab.cli.jobs import Job
        from aelab.cli.on_slurm import OnSlurm
        from aelab.cli.packs import Packs

        setup_globals()
        log.info("Submitit '%s' sweep output dir : %s", self.cluster, self.config.hydra.sweep.dir)
        Path(self.config.hydra.sweep.dir).mkdir(parents=True, exist_ok=True)
        sweep = [Job(initial_job_idx + idx, tuple(each)) for idx, each in enumerate(job_overrides)]
        packs = Packs(self.runs_per_job, self.context, self.config, self.task)
        return OnSlurm(packs, self.cluster, self.params).launch(sweep)


with suppress(ImportError):
    from hydra_plugins.hydra_submitit_launcher.config import LocalQueueConf, SlurmQueueConf

    @dataclass
    class PackedSlurm(SlurmQueueConf):
        """SLURM."""

        _target_: str = "hydra_plugins.aelab_submitit.PackedLauncher"
        cluster: str = "slurm"
        runs_per_job: int = 16

    @dataclass
    class PackedLocal(LocalQueueConf):
        """As SLURM would, on this machine."""

        _target_: str = "hydra_plugins.aelab_submitit.PackedLauncher"
        cluster: str = "local"
        runs_per_job: int = 16

    for name, node in (("packed_slurm", PackedSlurm), ("packed_local", PackedLocal)):
        ConfigStore.instance().store(group="hydra/launcher", name=name, node=node(), provider="aelab")
