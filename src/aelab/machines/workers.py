"""Jobs side by side in workers, of which one that dies is replaced and costs nothing but its job."""

from __future__ import annotations

import signal
import time
from collections import deque
from collections.abc import Callable, Sequence
from multiprocessing.connection import wait
from typing import Any

from aelab.machines.signals import handing_on
from aelab.machines.worker import Answer, Done, Worker

PATIENCE_S = 20.0
"""Seconds that jobs get to save after a signal; then they are killed."""
LOOK_S = 0.2

_all: list[Workers] = []


class Workers:
    """Up to ``count`` processes that do ``work(job)`` for one job after the other.

    ``signum``: the signal that stopped them, None before one came.
    """

    def __init__(self, count: int, work: Callable[[Any], Any]) -> None:
        self.count = count
        self.work = work
        self.team: list[Worker] = []
        self.signum: int | None = None
        self.deadline: float | None = None
        _all.append(self)

    def do(
        self,
        jobs: Sequence[Any],
        begins: Callable[[Any], None],
        ends: Callable[[Any, Answer], None],
        looks: Callable[[], None] = lambda: None,
    ) -> None:
        """Do the jobs in their order; ``begins`` and ``ends`` are told of each. Who is idle waits for the next call.
        ``looks`` is called several times a second meanwhile.

        After a signal, which every job under way is handed, it returns as soon as these have saved.
        """
        waiting = deque(jobs)
        with handing_on(self._hear):
            while waiting or self._busy():
                if self.signum is not None:
                    waiting.clear()
                    self._hand_on(self.signum)
                while waiting and len(self._busy()) < self.count:
                    job = waiting.popleft()
                    begins(job)
                    self._give(job)
                looks()
                wait([worker.connection for worker in self._busy()], LOOK_S)
                for worker in self._busy():
                    answer = worker.answer()
                    if answer is not None:
                        job = worker.job
                        worker.job = None
                        if not isinstance(answer, Done):
                            self._leave(worker)
                        ends(job, answer)
        if self.signum is not None:
            self.end()

    def _busy(self) -> list[Worker]:
        return [worker for worker in self.team if worker.job is not None]

    def _give(self, job: Any) -> None:
        """To an idle worker, or to a new one."""
        for worker in [worker for worker in self.team if worker.job is None]:
            if worker.begin(job):
                return
            self._leave(worker)
        worker = Worker(self.work, [other.connection for other in self.team])
        self.team.append(worker)
        worker.begin(job)

    def _hear(self, signum: int) -> None:
        self.signum = signum

    def _hand_on(self, signum: int) -> None:
        """Once; and after the time to save the hard way."""
        if self.deadline is None:
            self.deadline = time.monotonic() + PATIENCE_S
        elif time.monotonic() < self.deadline:
            return
        else:
            signum = signal.SIGKILL
        for worker in self._busy():
            worker.send_signal(signal.SIGTERM if signum == signal.SIGHUP else signum)

    def _leave(self, worker: Worker) -> None:
        self.team.remove(worker)
        worker.end(5.0)

    def end(self) -> None:
        """Send everybody home."""
        while self.team:
            self._leave(self.team[-1])


def end_all() -> None:
    """A sweep's jobs are done: no idle worker keeps memory, its own or a GPU's, while the runs are compared."""
    while _all:
        _all.pop().end()
