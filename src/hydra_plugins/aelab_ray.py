"""Sweeps on a Ray cluster, as a plugin of Hydra, which looks for its plugins in a package of this name.

The one released for Hydra 1.3 pins versions of other packages that today's Ray does not take.
"""

import logging
from typing import Any

from omegaconf import DictConfig, OmegaConf

from aelab.cli.packed_launcher import PackedLauncher

log = logging.getLogger(__name__)


class RayLauncher(PackedLauncher):
    """Packs of jobs as tasks of Ray.

    ``init``: of ``ray.init``. ``remote``: what Ray gives each task, ``num_cpus``, ``num_gpus``, ``resources``.
    ``runs_per_job``: at most so many runs that can share a stack in one task.
    """

    def __init__(self, init: DictConfig, remote: DictConfig, runs_per_job: int) -> None:
        super().__init__(runs_per_job)
        self.init: Any = OmegaConf.to_container(init, resolve=True)
        self.remote: Any = OmegaConf.to_container(remote, resolve=True)

    def send(self, packs: Any, sweep: Any) -> Any:
        from aelab.cli.on_ray import OnRay

        log.info("Launching %s jobs on Ray", len(sweep))
        return OnRay(packs, self.init, self.remote).launch(sweep)
