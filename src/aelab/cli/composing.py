"""The configs of a sweep's jobs, composed by Hydra; jobs that differ only in numbers share what takes long of that."""

from __future__ import annotations

import copy
import re

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import HydraContext
from omegaconf import DictConfig, open_dict

NUMBER = re.compile(r"[a-z_]+(\.[a-z_]+)*=[-+.\deE]+$")  # of a key, which is no config group


class Composer:
    """Composes as ``load_sweep_config`` does, to the same config, but the files of ``conf/`` once for alike jobs."""

    def __init__(self, context: HydraContext, config: DictConfig) -> None:
        self.loader = context.config_loader
        self.config = config
        self.known: dict[tuple[str, ...], DictConfig] = {}

    def compose(self, number: int, overrides: tuple[str, ...]) -> DictConfig:
        """The config of a job. Raises what Hydra raises where there is none."""
        alike = tuple(each.partition("=")[0] + "=" if NUMBER.match(each) else each for each in overrides)
        if alike in self.known:
            config = self._changed(copy.deepcopy(self.known[alike]), overrides)
        else:
            config = self.loader.load_sweep_config(self.config, list(overrides))
            self.known = {alike: copy.deepcopy(config)}
        with open_dict(config):
            config.hydra.job.id = config.hydra.job.num = number
        return config

    def _changed(self, config: DictConfig, overrides: tuple[str, ...]) -> DictConfig:
        """The config of an alike job with this one's numbers."""
        parsed = OverridesParser.create(config_loader=self.loader).parse_overrides(list(overrides))
        numbers = [one for one in parsed if NUMBER.match(str(one.input_line))]
        ConfigLoaderImpl._apply_overrides_to_config(numbers, config)
        tasks = [one for one in parsed if not one.is_hydra_override()]
        config.hydra.overrides.task = [one.input_line for one in tasks]
        naming = config.hydra.job.config.override_dirname
        config.hydra.job.override_dirname = get_overrides_dirname(
            overrides=tasks, kv_sep=naming.kv_sep, item_sep=naming.item_sep, exclude_keys=naming.exclude_keys
        )
        return config
