"""Sweeps as job arrays of SLURM, as a plugin of Hydra, which looks for its plugins in a package of this name.

It is Hydra's own submitit launcher, but its jobs are packs of runs. Without submitit (``aelab[slurm]``) there is none.
"""

import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from aelab.cli.packed_launcher import PackedLauncher

log = logging.getLogger(__name__)


class SubmititLauncher(PackedLauncher):
    """Packs of jobs as an array of ``cluster``, ``slurm`` or ``local``.

    ``runs_per_job``: at most so many runs that can share a stack in one job. ``params``: of the submitit launcher.
    """

    def __init__(self, cluster: str, runs_per_job: int, **params: Any) -> None:
        super().__init__(runs_per_job)
        self.cluster = cluster
        self.params: Any = OmegaConf.to_container(OmegaConf.create(params), resolve=True)

    def send(self, packs: Any, sweep: Any) -> Any:
        from aelab.cli.on_slurm import OnSlurm

        log.info("Submitit '%s' sweep output dir : %s", self.cluster, self.config.hydra.sweep.dir)
        return OnSlurm(packs, self.cluster, self.params).launch(sweep)


with suppress(ImportError):
    from hydra_plugins.hydra_submitit_launcher.config import LocalQueueConf, SlurmQueueConf

    @dataclass
    class PackedSlurm(SlurmQueueConf):
        """SLURM."""

        _target_: str = "hydra_plugins.aelab_submitit.SubmititLauncher"
        cluster: str = "slurm"
        runs_per_job: int = 16

    @dataclass
    class PackedLocal(LocalQueueConf):
        """As SLURM would, on this machine."""

        _target_: str = "hydra_plugins.aelab_submitit.SubmititLauncher"
        cluster: str = "local"
        runs_per_job: int = 16

    for name, node in (("packed_slurm", PackedSlurm), ("packed_local", PackedLocal)):
        ConfigStore.instance().store(group="hydra/launcher", name=name, node=node(), provider="aelab")
