"""``plan=true``: what a command would run, with whom and for how long. It leaves nothing behind."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from omegaconf import DictConfig

from aelab.cli.composing import Composer
from aelab.cli.grouping import likely_companions, packed
from aelab.cli.jobs import Job, as_task, share_cores
from aelab.config.explain import explain
from aelab.config.objects import composing
from aelab.errors import UserError, plain
from aelab.machines import devices
from aelab.runs.claim import is_held
from aelab.runs.identity import register_resolver, run_id
from aelab.runs.manifest import read_manifest

if TYPE_CHECKING:
    from aelab.fitting.measuring import Cost

WORD = "plan=true"
ROWS = 40  # runs that are listed
LOCAL = ("stacked", "parallel", "workers", "basic")
ORDER = ("to do", "resumes", "tried again", "held", "done", "refused")


class Planned(NamedTuple):
    """A run of a sweep and what there is of it."""

    job: Job
    config: DictConfig | None
    typed: list[str]
    directory: Path
    state: str
    reason: str = ""


def plan(words: Sequence[str]) -> int:
    """Print it; returns the exit status, 1 where a run would be refused."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as where they are trained (exit_status)
    register_resolver()
    devices.register_resolver()
    try:
        if any(word.startswith(("--config", "-cd", "-cn", "-cp")) for word in words):
            raise UserError("plan=true: knows conf/ alone; leave --config-dir and the like out, or start the sweep")
        with composing():
            master, jobs = _jobs([word for word in words if not word.startswith(("-", "plan="))], _is_sweep(words))
            if (workers := master.hydra.launcher.get("n_jobs") or 1) > 1:
                share_cores(workers)  # before torch is imported, which reads it then
            runs = [_planned(master, job, composer) for composer in [_composer(master)] for job in jobs]
            _print_runs(runs, len(jobs) > 1)
            _print_costs(master, [run for run in runs if run.state in ORDER[:3]])
    except Exception as error:
        print(plain(explain(error)), file=sys.stderr)
        return 1
    return 1 if any(run.state == "refused" for run in runs) else 0


def _is_sweep(words: Sequence[str]) -> bool:
    return bool({"-m", "--multirun"} & set(words))


def _jobs(words: list[str], sweeping: bool) -> tuple[DictConfig, list[Job]]:
    """The config that all jobs begin with, and the jobs as Hydra's own sweeper makes them."""
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.types import RunMode

    loader = GlobalHydra.instance().config_loader()
    mode = RunMode.MULTIRUN if sweeping else RunMode.RUN
    master = loader.load_configuration(config_name="train", overrides=words, run_mode=mode)
    if not sweeping:
        return master, [Job(0, tuple(words))]
    sweeper = master.hydra.runtime.choices["hydra/sweeper"]
    if sweeper != "basic":
        raise UserError(f"plan=true: what hydra/sweeper={sweeper} tries follows from results; plan a grid, or start it")
    params = master.hydra.sweeper.get("params") or {}
    typed = [f"{key}={value!s}" for key, value in params.items()] + list(master.hydra.overrides.task)
    parsed = OverridesParser.create(config_loader=loader).parse_overrides(typed)
    batches = BasicSweeper.split_arguments(parsed, None)
    return master, [Job(number, tuple(job)) for number, job in enumerate(job for batch in batches for job in batch)]


def _composer(master: DictConfig) -> Composer:
    from hydra._internal.callbacks import Callbacks
    from hydra.core.global_hydra import GlobalHydra
    from hydra.types import HydraContext

    return Composer(HydraContext(GlobalHydra.instance().config_loader(), Callbacks()), master)


def _planned(master: DictConfig, job: Job, composer: Composer) -> Planned:
    from aelab.config.checking import check, check_groups

    place = Path(master.paths.outputs) / master.sweep
    try:
        config, typed = as_task(composer.compose(*job))
        check_groups(config)
        check(config, typed)
        directory = Path(config.paths.outputs) / config.sweep / run_id(config)
    except Exception as error:
        return Planned(job, None, [], place, "refused", plain(explain(error)))
    return Planned(job, config, typed, directory, _state(directory, config.force))


def _state(directory: Path, force: bool) -> str:
    if directory.is_dir() and is_held(directory):
        return "held"
    status = (read_manifest(directory) or {}).get("status")
    if status == "complete":
        return "to do" if force else "done"
    if force or status is None:
        return "to do"
    return "tried again" if status == "failed" else "resumes"


def _print_runs(runs: Sequence[Planned], several: bool) -> None:
    shown = sorted(runs, key=lambda run: ORDER.index(run.state))
    for run in shown[:ROWS]:
        words = run.reason or f"{run.directory}  {' '.join(_differing(run, runs) if several else run.typed)}"
        print(f"{run.state:<12} {plain(words)}")
    if len(shown) > ROWS:
        print(f"… and {len(shown) - ROWS} more")
    counts = Counter(run.state for run in runs)
    told = ", ".join(f"{counts[state]} {state}" for state in ORDER if counts[state])
    print(f"{len(runs)} run{'s' * (len(runs) != 1)}: {told}")


def _differing(run: Planned, runs: Sequence[Planned]) -> list[str]:
    """The overrides that not all runs have."""
    return [word for word in run.job.overrides if any(word not in other.job.overrides for other in runs)]


def _print_costs(master: DictConfig, runs: Sequence[Planned]) -> None:
    if not runs:
        print("nothing is left to train")
        return
    launcher = master.hydra.runtime.choices.get("hydra/launcher")
    workers = int(master.hydra.launcher.get("n_jobs") or 1)
    costs = []
    for words, cost in _costs(runs, _packs(runs, master)):
        costs.append(cost)
        print(f"{words}: {_seconds(cost.seconds)}, {cost.models} model{'s' * (cost.models != 1)}")
    total = sum(cost.seconds for cost in costs)
    longest = max(cost.seconds for cost in costs)
    where = f"{workers} at a time" if workers > 1 else "one after the other"
    estimate = max(longest, total / workers)
    if launcher not in LOCAL:
        where = f"as jobs of hydra/launcher={launcher}, each at most {_seconds(longest)}; one after the other here"
        estimate = total
    memory = max(cost.memory for cost in costs) / 2**30
    print(f"about {_seconds(estimate)} of training on this machine, {where}; {memory:.1f} GiB a process at its peak")
    print("estimated from a few measured steps; reading, testing, pretraining, pictures and evaluations come on top")


def _packs(runs: Sequence[Planned], master: DictConfig) -> list[list[Job]]:
    """What the launcher gives one process at a time."""
    from aelab.fitting.companions import gains

    jobs = [run.job for run in runs]
    launcher = master.hydra.launcher
    if most := launcher.get("runs_per_job"):
        configs = {run.job: run.config for run in runs}
        return packed(jobs, most, lambda job: (config := configs[job]) is not None and gains(config))
    return likely_companions(jobs, launcher.get("n_jobs") or 1) if launcher.get("stacked") else [[job] for job in jobs]


def _costs(runs: Sequence[Planned], packs: Sequence[list[Job]]) -> Iterator[tuple[str, Cost]]:
    """Each fit in words with what it costs; fits of the same kind are measured once."""
    from aelab.building.once import sharing
    from aelab.fitting.companions import kind
    from aelab.fitting.measuring import cost_of_run, cost_of_stack
    from aelab.fitting.stacks import stacks
    from aelab.machines.quiet import quiet

    quiet()
    known: dict[tuple[str, int, int], Cost] = {}
    by_job = {run.job: run for run in runs}
    with sharing():
        for pack in packs:
            ready = [by_job[job] for job in pack]
            alone = {run.job: run for run in ready}
            tasks = [(run.config, run.typed) for run in ready if run.config is not None]
            for stack in stacks(tasks) if len(tasks) > 1 else ():
                key = (kind(stack[0].config), len(stack), sum(len(companion.members) for companion in stack))
                known[key] = known.get(key) or cost_of_stack(stack)
                yield f"a stack of {len(stack)} runs", known[key]
                for companion in stack:
                    alone.pop(ready[companion.number].job)
            for run in alone.values():
                if run.config is not None:
                    key = (kind(run.config), 1, run.config.replicas.get("count") or 1)
                    known[key] = known.get(key) or cost_of_run(run.config, run.directory)
                    yield f"alone: {run.directory.name}", known[key]


def _seconds(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
