"""Bayesian search as a plugin of Hydra, which looks for its plugins in a package of this name.

The one released for Hydra 1.3 needs Optuna 2. Hydra 1.4 brings its own, which replaces this one.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf


class OptunaSweeper(Sweeper):
    """Trials that Optuna suggests, in batches through any launcher (``aelab.config.search``)."""

    def __init__(
        self,
        n_trials: int,
        n_jobs: int,
        storage: str,
        sampler: Callable[..., Any],
        seed: int,
        params: Mapping[str, Any] | None,
    ) -> None:
        self.n_trials = n_trials
        self.n_jobs = n_jobs
        self.storage = storage
        self.sampler = sampler
        self.seed = seed
        self.params = params
        self.launcher: Launcher
        self.launched = 0

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_context = hydra_context
        self.config = config
        self.loader = hydra_context.config_loader
        self.directory = Path(config.hydra.sweep.dir)
        self.launcher = Plugins.instance().instantiate_launcher(
            config=config, hydra_context=hydra_context, task_function=task_function
        )

    def sweep(self, arguments: list[str]) -> Any:
        from aelab.config.search import Search

        defaults = [f"{key}={value!s}" for key, value in (self.params or {}).items() if value is not None]
        overrides = OverridesParser.create(config_loader=self.loader).parse_overrides([*defaults, *arguments])
        self.directory.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(self.config, self.directory / "multirun.yaml")
        search = Search(overrides, self.n_trials, self.n_jobs, self.storage, self.sampler, self.seed)
        return search.run(self._launch, self.directory)

    def _launch(self, batch: list[list[str]]) -> list[Any]:
        self.validate_batch_is_legal(batch)
        results = self.launcher.launch(batch, initial_job_idx=self.launched)
        self.launched += len(batch)
        return list(results)
