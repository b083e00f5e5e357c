"""The jobs of a sweep in packs, each for one job of a cluster, and what is done with a pack there."""

from __future__ import annotations

import logging
import math
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, setup_globals
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from aelab.cli.grouping import packed
from aelab.cli.jobs import Job, Jobs, returned
from aelab.cli.launcher_settings import count_of
from aelab.machines.worker import Answer, Died

log = logging.getLogger(__name__)

Send = Callable[[Sequence[list[Job]]], list[tuple[list[Job], Answer]]]
"""Has packs done; returns what came of each."""


class Packs:
    """Jobs for processes of a cluster, which share this one's file system; at most ``most`` runs in a pack.

    An instance goes there with a pack, pickled.
    """

    def __init__(self, most: int, context: HydraContext, config: DictConfig, task: TaskFunction) -> None:
        self.most = count_of("runs_per_job", most, ", which gives each run its own job")
        self.context = context
        self.config = config
        self.task = task
        self.directory = os.getcwd()
        self.sweep_directory = Path(config.paths.outputs) / config.sweep
        self.singletons = Singleton.get_state()

    def jobs(self) -> Jobs:
        """What does the jobs, here or there."""
        return Jobs(1, True, self.context, self.config, self.task)

    def of(self, jobs: Jobs, sweep: Sequence[Job]) -> list[list[Job]]:
        """Jobs that can share a stack in packs of about equal size, every other alone; those that died before last."""
        sound, died = jobs.sound_and_died(sweep)
        packs = packed(sound, self.most, lambda job: _gains(jobs, job))
        return [*packs, *([job] for job in died)]

    def done(self, sweep: Sequence[Job], send: Send) -> list[JobReturn]:
        """What came of each job, in their order; of a pack whose process died each run is tried by itself."""
        jobs = self.jobs()
        results: dict[int, JobReturn] = {}
        alone: list[list[Job]] = []
        for pack, answer in send(self.of(jobs, sweep)):
            if isinstance(answer, Died) and len(pack) > 1:
                alone.extend([job] for job in pack)  # one of them is to blame
            else:
                results |= jobs.results(pack, answer)
        if alone:
            print("a process with several runs died; each is tried by itself", file=sys.stderr, flush=True)
            for pack, answer in send(alone):
                results |= jobs.results(pack, answer)
        return [results.get(job.number) or returned(job, math.nan) for job in sweep]

    def __call__(self, pack: list[Job]) -> dict[int, tuple[JobReturn, list[str]]]:
        """Do a pack, in a process that knows nothing of the sweep yet."""
        import aelab.cli.train  # noqa: F401  (registers what configs resolve)

        Singleton.set_state(self.singletons)
        setup_globals()
        os.chdir(self.directory)
        return self.jobs().all_done(pack)


def _gains(jobs: Jobs, job: Job) -> bool:
    """Whether runs like this one are faster in a stack; where that cannot be told, each is a job of its own."""
    from aelab.fitting.companions import gains

    try:
        return gains(jobs.composer.compose(*job))
    except Exception:  # told where it is done
        log.debug("not packed:\n%s", traceback.format_exc())
        return False
