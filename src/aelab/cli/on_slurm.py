"""Packs of jobs as an array of SLURM, or of processes that pretend to be one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from hydra.core.utils import JobReturn

from aelab.cli.jobs import Job, told
from aelab.cli.packs import Packs
from aelab.machines.worker import Answer, Died, Done


class OnSlurm:
    """``cluster``: ``slurm`` or ``local``. ``params``: of Hydra's submitit launcher."""

    def __init__(self, packs: Packs, cluster: str, params: dict[str, Any]) -> None:
        import submitit
        from hydra_plugins.hydra_submitit_launcher.config import BaseQueueConf

        self.packs = packs
        common = {field.name for field in fields(BaseQueueConf)}  # for every cluster; the others carry its name
        params = dict(params)
        timeouts = {f"{cluster}_{name}": params.pop(name) for name in ("max_num_timeout",) if name in params}
        self.executor = submitit.AutoExecutor(cluster=cluster, folder=params.pop("submitit_folder"), **timeouts)
        self.executor.update_parameters(
            **{key if key in common else f"{cluster}_{key}": value for key, value in params.items()}
        )

    def launch(self, sweep: Sequence[Job]) -> list[JobReturn]:
        """What came of each job, in their order."""
        return self.packs.done(sweep, self._answers)

    def _answers(self, packs: Sequence[list[Job]]) -> list[tuple[list[Job], Answer]]:
        for pack in packs:
            told(pack)
        sent = self.executor.map_array(Requeued(self.packs), packs)
        return [(pack, _answer(job)) for pack, job in zip(packs, sent, strict=True)]


class Requeued:
    """What an array's job does; submitit asks it how to go on where its time is up."""

    def __init__(self, packs: Packs) -> None:
        self.packs = packs

    def __call__(self, pack: list[Job]) -> Any:
        return self.packs(pack)

    def checkpoint(self, pack: list[Job]) -> Any:
        """The same again: each run goes on from where it is."""
        import submitit

        return submitit.helpers.DelayedSubmission(self, pack)


def _answer(job: Any) -> Answer:
    from submitit.core.utils import FailedJobError, UncompletedJobError

    try:
        return Done(job.results()[0])
    except FailedJobError:
        raise
    except UncompletedJobError:  # no result: its process, or its machine, is gone
        return Died(None)
