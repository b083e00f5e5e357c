"""Search for the hyperparameters that do best on validation with Optuna: resumable, in batches, nothing run twice."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from omegaconf import OmegaConf

from aelab.errors import UserError

try:
    import optuna
    from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
    from optuna.trial import TrialState
except ImportError as error:
    raise UserError("hydra/sweeper=optuna: Optuna is not installed; pip install 'aelab[optuna]'") from error

Launch = Callable[[list[list[str]]], Sequence[Any]]
"""Takes the overrides of each job of a batch; returns as many of Hydra's JobReturn."""


def distribution(override: Override) -> BaseDistribution:
    """What Optuna may draw from: a list, ``choice``, ``glob``, ``range``, ``interval``, ``tag(log, interval())``.

    ``range`` leaves out its end and ``interval`` holds both, as in Hydra. Raises UserError where it is empty.
    """
    value: Any = override.value()
    if isinstance(value, RangeSweep):
        start = float(value.start or 0)
        stop = float(value.stop or 0)
        step = float(value.step)
        steps = math.ceil(round((stop - start) / step, 9)) - 1
        if steps < 0:
            raise UserError(f"{override.input_line}: the range is empty")
        low, high = sorted((start, start + steps * step))
        if all(float(number).is_integer() for number in (start, step)):
            return IntDistribution(int(low), int(high), step=abs(int(step)))
        return FloatDistribution(low, high, step=abs(step))
    if isinstance(value, IntervalSweep):
        ends: tuple[Any, Any] = (value.start, value.end)
        if None in ends or ends[0] > ends[1] or ("log" in value.tags and ends[0] <= 0):
            raise UserError(f"{override.input_line}: wants a lower end, above 0 on a log scale, then a higher one")
        kind = IntDistribution if all(isinstance(end, int) for end in ends) else FloatDistribution
        return kind(*ends, log="log" in value.tags)
    return CategoricalDistribution(list(override.sweep_string_iterator()))


class Search:
    """One study. ``n_trials`` is its size however often the same command is given.

    A trial that was under way when the search was killed is the first to go on, from its run's checkpoint. The
    sampler is seeded anew for each batch by ``seed`` and the number of trials before it, so that a search that was
    interrupted between batches makes the same suggestions as one that was not.
    """

    def __init__(
        self,
        overrides: list[Override],
        n_trials: int,
        n_jobs: int,
        storage: str,
        sampler: Callable[..., Any],
        seed: int,
    ) -> None:
        if n_trials < 1 or n_jobs < 1:
            raise UserError(f"hydra.sweeper.n_trials={n_trials} n_jobs={n_jobs}: both must be at least 1")
        latest = {override.get_key_element(): override for override in overrides}
        self.space = {key: distribution(one) for key, one in latest.items() if one.is_sweep_override()}
        self.fixed = [str(one.input_line) for one in latest.values() if not one.is_sweep_override()]
        if not self.space:
            raise UserError(
                "hydra/sweeper=optuna: nothing to search; give ranges such as 'network.code_size=range(2,64)' or "
                "'optimizer.lr=tag(log,interval(1e-4,1e-2))'"
            )
        self.n_trials = n_trials
        self.n_jobs = n_jobs
        self.sampler = sampler
        self.seed = seed
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.study = optuna.create_study(
            study_name=self._name(), storage=_storage(storage), direction="minimize", load_if_exists=True
        )
        self.failed = 0

    def _name(self) -> str:
        """Other fixed settings, or another kind of space, are another study; a wider range goes on with this one."""
        kinds = {
            key: getattr(one, "choices", None) or f"{type(one).__name__}{getattr(one, 'log', '')}"
            for key, one in self.space.items()
        }
        content = repr((sorted(self.fixed), sorted(kinds.items())))
        return f"aelab-{hashlib.sha256(content.encode()).hexdigest()[:8]}"

    def run(self, launch: Launch, directory: Path) -> float | None:
        """Launch trials until ``n_trials`` have a result; one that fails costs itself. Returns the lowest value."""
        while batch := self._under_way()[: self.n_jobs] or self._next():
            jobs = [[*self.fixed, *_overrides(trial.params)] for trial in batch]
            for trial, result in zip(batch, launch(jobs), strict=True):
                self._tell(trial, result)
        if not self._complete():
            return None
        best = self.study.best_trial
        print(f"best of {self._complete()} trials: validation {best.value:.4g}  {' '.join(_overrides(best.params))}")
        found = dict(part.split("=", 1) for part in _overrides(best.params))
        results = {"name": "optuna", "best_evaluated_params": found, "best_evaluated_value": best.value}
        OmegaConf.save(OmegaConf.create(results), directory / "optimization_results.yaml")
        return best.value

    def _complete(self) -> int:
        return len(self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)))

    def _under_way(self) -> list[Any]:
        """Trials without a result that nobody of this process is at: those of a search that was killed."""
        left = []
        for trial in self.study.get_trials(states=(TrialState.RUNNING,)):
            if set(trial.params) == set(self.space):
                left.append(trial)
            else:  # killed before it was told what to try
                self.study.tell(trial.number, state=TrialState.FAIL)
        return left

    def _next(self) -> list[Any]:
        wanted = min(self.n_jobs, self.n_trials - self._complete() - self.failed)
        self.study.sampler = self.sampler(seed=self.seed + len(self.study.get_trials(deepcopy=False)))
        return [self.study.ask(self.space) for _ in range(wanted)]

    def _tell(self, trial: Any, result: Any) -> None:
        value = float(result.return_value)
        if math.isfinite(value):
            self.study.tell(trial.number, value, skip_if_finished=True)
        else:
            self.failed += 1
            self.study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
        said = f"validation {value:.4g}" if math.isfinite(value) else "failed"
        print(f"trial {trial.number + 1} of {self.n_trials}: {said}  {' '.join(_overrides(trial.params))}", flush=True)


def _overrides(params: dict[str, Any]) -> list[str]:
    """As a person would type them: four significant figures are finer than any effect of a hyperparameter."""
    return [f"{key}={f'{value:.4g}' if isinstance(value, float) else value}" for key, value in params.items()]


def _storage(storage: str) -> Any:
    """A file, which a crash in the middle of a write does not break, or an address of Optuna's."""
    if "://" in storage:
        return storage
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    return JournalStorage(JournalFileBackend(storage))
