"""Packs of jobs as tasks of Ray; a signal reaches all of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from hydra.core.utils import JobReturn

from aelab.cli.jobs import Job, SweepInterrupted, told
from aelab.cli.packs import Packs
from aelab.errors import UserError
from aelab.machines.signals import handing_on
from aelab.machines.worker import Answer, Died, Done, Stopped
from aelab.machines.workers import LOOK_S, PATIENCE_S


class OnRay:
    """``init``: of ``ray.init``. ``remote``: of ``ray.remote``."""

    def __init__(self, packs: Packs, init: dict[str, Any], remote: dict[str, Any]) -> None:
        try:
            import ray
        except ImportError as error:
            raise UserError('hydra/launcher=ray: Ray is not installed; pip install "aelab[ray]"') from error
        self.ray = ray
        self.packs = packs
        self.signum: int | None = None
        if not ray.is_initialized():
            ray.init(**init)
        self.task = ray.remote(max_retries=0, **remote)(_done)
        self.what = ray.put(packs)

    def launch(self, sweep: Sequence[Job]) -> list[JobReturn]:
        """What came of each job, in their order. Raises SweepInterrupted after a signal."""
        results = self.packs.done(sweep, self._answers)
        if self.signum is not None:
            raise SweepInterrupted(f"interrupted; the same command resumes {self.packs.sweep_directory}", self.signum)
        return results

    def _answers(self, packs: Sequence[list[Job]]) -> list[tuple[list[Job], Answer]]:
        """What came of each pack; after a signal, which all tasks are handed, of those that end in time."""
        waiting = {}
        found: list[tuple[list[Job], Answer]] = []
        deadline = None
        with handing_on(self._hear):
            for pack in packs if self.signum is None else ():
                told(pack)
                waiting[self.task.remote(self.what, pack)] = pack
            while waiting:
                if self.signum is not None and deadline is None:
                    deadline = time.monotonic() + PATIENCE_S
                    for task in waiting:
                        self.ray.cancel(task)
                if deadline is not None and time.monotonic() > deadline:
                    break
                ready, _ = self.ray.wait(list(waiting), timeout=LOOK_S)
                found += [(waiting.pop(task), self._answer(task)) for task in ready]
        return found

    def _answer(self, task: Any) -> Answer:
        errors = self.ray.exceptions
        try:
            return Done(self.ray.get(task))
        except (errors.TaskCancelledError, KeyboardInterrupt):
            return Stopped(self.signum or 2)
        except errors.RayTaskError as error:
            if self.signum is not None:
                return Stopped(self.signum)
            raise error
        except errors.RayError:  # its process, or its machine, is gone
            return Died(None)

    def _hear(self, signum: int) -> None:
        self.signum = signum


def _done(packs: Packs, pack: list[Job]) -> Any:
    return packs(pack)
