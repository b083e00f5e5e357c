"""The jobs of a sweep: done in workers, each composed there, and recorded here where its worker died."""

from __future__ import annotations

import copy
import logging
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus, configure_log, filter_overrides, run_job
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from aelab.cli.among_ranks import are_shared_out, done_among_ranks, stays_here
from aelab.cli.composing import Composer
from aelab.cli.deaths import deaths, record_death
from aelab.cli.ending import failures
from aelab.cli.grouping import likely_companions
from aelab.cli.launcher_settings import choice_of, count_of
from aelab.cli.sweep_bar import SweepBar
from aelab.machines.worker import Answer, Died, Done
from aelab.machines.workers import Workers
from aelab.runs.identity import run_id

log = logging.getLogger(__name__)


class SweepInterrupted(KeyboardInterrupt):
    """The sweep was stopped by a signal, ``signum``, and so were its runs, which can be resumed."""

    def __init__(self, message: str, signum: int) -> None:
        super().__init__(message)
        self.signum = signum


class Job(NamedTuple):
    """``number``: its place in the sweep."""

    number: int
    overrides: tuple[str, ...]


class Jobs:
    """What a launcher has to do with jobs, ``count`` at a time; ``stacked``: runs that can share a stack are fitted
    together."""

    def __init__(
        self, count: int, stacked: bool, context: HydraContext, config: DictConfig, task: TaskFunction
    ) -> None:
        count = count_of("n_jobs", count)
        self.context = context
        self.config = config
        self.task = task
        self.directory = Path(config.paths.outputs) / config.sweep
        self.count = count
        self.stacked = choice_of("stacked", stacked)
        self.composer = Composer(context, config)
        self.died_before: set[tuple[str, ...]] | None = None
        if count > 1:
            share_cores(count)
        self.workers = Workers(count, self.all_done)

    def launch(self, jobs: Sequence[Job]) -> list[JobReturn]:
        """What came of each job, in their order; nan for one that has no result.

        Those that died in an earlier call come last. Raises SweepInterrupted after a signal.
        """
        if are_shared_out(self.config):
            results = done_among_ranks(self.config, self._packs(jobs), self._directory, self._all_results)
            return [results.get(job.number) or returned(job, float("nan")) for job in jobs]
        if stays_here():
            return [self._here(job) for job in jobs]
        results = self._all_results(self._packs(jobs))
        return [results[job.number] for job in jobs]

    def _packs(self, jobs: Sequence[Job]) -> list[list[Job]]:
        """What one worker is given at a time; jobs that died in an earlier call come last, each alone."""
        sound, died = self.sound_and_died(jobs)
        together = likely_companions(sound, self.count) if self.stacked else [[job] for job in sound]
        return [*together, *([job] for job in died)]

    def sound_and_died(self, jobs: Sequence[Job]) -> tuple[list[Job], list[Job]]:
        """Jobs whose processes have not died in an earlier call, and those whose have."""
        died = [job for job in jobs if self._has_died(job)]
        return [job for job in jobs if job not in died], died

    def _directory(self, job: Job) -> Path:
        config = self.composer.compose(*job)
        return Path(config.paths.outputs) / config.sweep / run_id(config)

    def _all_results(self, packs: Sequence[list[Job]]) -> dict[int, JobReturn]:
        """Do packs in workers; by number what came of each job. Raises SweepInterrupted after a signal."""
        results: dict[int, JobReturn] = {}
        alone: list[list[Job]] = []
        bar = SweepBar(self.directory, sum(map(len, packs)))

        def ends(several: list[Job], answer: Answer) -> None:
            bar.ended(len(several))
            if isinstance(answer, Died) and len(several) > 1 and self.workers.signum is None:
                alone.extend([job] for job in several)  # one of them is to blame
            else:
                results.update(self.results(several, answer))

        with bar:
            self.workers.do(packs, told, ends, bar.look)
            if alone:
                print("a process with several runs died; each is tried by itself", file=sys.stderr, flush=True)
                bar.ended(-len(alone))
                self.workers.do(alone, told, ends, bar.look)
        if self.workers.signum is not None:
            raise SweepInterrupted(f"interrupted; the same command resumes {self.directory}", self.workers.signum)
        return results

    def _here(self, job: Job) -> JobReturn:
        told([job])
        before = list(failures)
        result, failed = self._done(job)
        failures[:] = [*before, *failed]
        return result

    def _has_died(self, job: Job) -> bool:
        if self.died_before is None:
            self.died_before = set(map(tuple, deaths(self.directory)))
        return tuple(_of_the_run(job.overrides)) in self.died_before

    # --- in a worker ---

    def all_done(self, jobs: list[Job]) -> dict[int, tuple[JobReturn, list[str]]]:
        """Do jobs, after fitting together what can be; by number each one's result, and the failures that count."""
        if len(jobs) == 1:
            return {jobs[0].number: self._done(jobs[0])}
        from aelab.building.once import sharing
        from aelab.fitting.fit_together import fitted_together

        composed = {job: config for job in jobs if (config := self._composed_if_sound(job))}
        results: dict[int, tuple[JobReturn, list[str]]] = {}
        with sharing():
            ready = list(composed)
            for numbers in fitted_together([as_task(composed[job]) for job in ready]):
                results |= {ready[n].number: self._done(ready[n], composed[ready[n]]) for n in numbers}
            left = [job for job in jobs if job.number not in results]
            return results | {job.number: self._done(job, composed.get(job)) for job in left}

    def _composed_if_sound(self, job: Job) -> DictConfig | None:
        try:
            return self.composer.compose(*job)
        except Exception:  # told where it is done
            return None

    def _done(self, job: Job, config: DictConfig | None = None) -> tuple[JobReturn, list[str]]:
        """Do a job, composed if it is not yet; its result, and the failures that count for the exit status."""
        failures.clear()
        try:
            config = self.composer.compose(*job) if config is None else config
            done = run_job(
                hydra_context=self.context,
                task_function=self.task,
                config=config,
                job_dir_key="hydra.sweep.dir",
                job_subdir_key="hydra.sweep.subdir",
            )
            if isinstance(done._return_value, Exception):  # by asking for it Hydra would raise it
                raise done._return_value
            value = done.return_value
        except Exception as error:
            value = self._failed(job, error)
        finally:
            configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        return returned(job, value), list(failures)

    def _failed(self, job: Job, error: Exception) -> float:
        """Tell of a job that failed before its run could."""
        from aelab.config.explain import explain

        log.info("failed:\n%s", traceback.format_exc())
        print(f"{' '.join(_of_the_run(job.overrides))}: {explain(error)}", file=sys.stderr)
        failures.append(str(job.number))
        return float("nan")

    # --- in the parent ---

    def results(self, jobs: list[Job], answer: Answer) -> dict[int, JobReturn]:
        match answer:
            case Done(done):
                for _, failed in done.values():
                    failures.extend(failed)
                return {number: result for number, (result, _) in done.items()}
            case Died() if self.workers.signum is None:
                print(f"{self._recorded(jobs[0], answer)}; the same command tries it again, last", file=sys.stderr)
        failures.extend(str(job.number) for job in jobs)
        return {job.number: returned(job, float("nan")) for job in jobs}

    def _recorded(self, job: Job, death: Died) -> str:
        """Write into a job's manifest that it died; what to say of it."""
        before = HydraConfig.instance().cfg
        try:
            config = self.composer.compose(*job)
            HydraConfig.instance().set_config(config)
            directory = Path(config.paths.outputs) / config.sweep / run_id(config)
            record_death(directory, config, _of_the_run(job.overrides), death)
            return f"{directory}: died: {death}"
        except Exception as error:
            log.info("the death of a job is in no manifest:\n%s", traceback.format_exc())
            reason = " ".join(str(error).split())
            return f"{' '.join(_of_the_run(job.overrides))}: died: {death} (in no manifest: {reason})"
        finally:
            HydraConfig.instance().cfg = before


def as_task(config: DictConfig) -> tuple[DictConfig, list[str]]:
    """What a program is given of a job, and what of it was typed."""
    typed: list[str] = OmegaConf.to_container(config.hydra.overrides.task, resolve=False)  # type: ignore[assignment]
    task = copy.deepcopy(config)
    with read_write(task), open_dict(task):
        del task["hydra"]
    return task, typed


def share_cores(count: int) -> None:
    """Give each of ``count`` workers its part of the cores, unless the user has said how many threads."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
        os.environ.setdefault(name, str(max(1, cores // count)))


def _of_the_run(overrides: Sequence[str]) -> list[str]:
    return [override for override in overrides if not override.startswith(("hydra.", "hydra/"))]


def told(several: list[Job]) -> None:
    """Say which jobs begin."""
    for job in several:
        log.info("\t#%s : %s", job.number, " ".join(filter_overrides(job.overrides)))


def returned(job: Job, value: float) -> JobReturn:
    """All that a sweeper asks for, and nothing that is long to pickle."""
    returned = JobReturn(overrides=_of_the_run(job.overrides), status=JobStatus.COMPLETED)
    returned.return_value = value
    return returned
