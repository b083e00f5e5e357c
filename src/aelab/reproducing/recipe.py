"""The runs that a recipe stands for, told apart by their ids: composed as a sweep would, and not run."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from omegaconf import DictConfig, OmegaConf

from aelab.comparison.swept import flatten
from aelab.config.objects import conf_dir
from aelab.runs.identity import register_resolver, resolved, run_id


class Recipe:
    """The runs of ``experiment=<name>`` at a size, in the order of its sweep.

    ``overrides``: what a person added on the command line; their own sweeps multiply the recipe's.
    """

    def __init__(self, name: str, size: str = "small", overrides: Sequence[str] = ()) -> None:
        self.name = name
        self.size = size
        register_resolver()
        fixed = [f"experiment={name}", *(["size=paper"] if size == "paper" else [])]
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            lone = [text for text in overrides if not _parsed([text])[0].is_sweep_override()]
            first = compose("train", [*fixed, *lone], return_hydra_config=True)
            swept = [f"{key}={values}" for key, values in (first.hydra.sweeper.get("params") or {}).items()]
            self.configs = list(_points(fixed, _parsed([*swept, *overrides])))
        self.directory = Path(first.paths.outputs) / first.sweep

    def ids(self, seed: Any = None) -> dict[str, dict[str, Any]]:
        """Flat configs of the runs by run id: with the recipe's own seeds, or all of them with this one."""
        return {run_id(config): flatten(resolved(config)) for config in self._seeded(seed)}

    def holds(self, other: Recipe) -> bool:
        """Whether the other's runs are of this recipe, whatever their seeds."""
        seeds = {config.seed for config in other.configs}
        return set(other.ids()) <= set(self.ids()).union(*(self.ids(seed) for seed in seeds))

    def _seeded(self, seed: Any) -> Iterator[DictConfig]:
        for config in self.configs:
            if seed is not None:
                OmegaConf.update(config := config.copy(), "seed", seed)
            yield config


def _parsed(overrides: Iterable[str]) -> list[Override]:
    return OverridesParser.create().parse_overrides(list(overrides))


def _points(fixed: list[str], overrides: Sequence[Override]) -> Iterator[DictConfig]:
    """Every combination of the values, as Hydra's own sweeper has them.

    Composing costs a quarter of a second, so that it is done once for each choice of groups; single keys are set after.
    """
    composed: dict[tuple[str, ...], DictConfig] = {}
    for words in itertools.product(*map(_words, overrides)):
        pairs = list(zip(overrides, words, strict=True))
        single = [_parsed([word])[0] for override, word in pairs if _is_single_key(override)]
        groups = tuple(word for override, word in pairs if not _is_single_key(override))
        if groups not in composed:
            composed[groups] = compose("train", [*fixed, *groups])
        config = composed[groups].copy()
        for override in single:
            OmegaConf.update(config, override.key_or_group, override.value())
        yield config


def _words(override: Override) -> list[str]:
    if not override.is_sweep_override():
        return [override.input_line or ""]
    key = override.get_key_element()
    return [f"{key}={value}" for value in override.sweep_string_iterator()]


def _is_single_key(override: Override) -> bool:
    """Whether the value can be set after composing: no group, nothing added or deleted, not Hydra's own."""
    key = override.key_or_group
    plain = override.type == OverrideType.CHANGE and override.package is None and not key.startswith("hydra")
    return plain and not (conf_dir() / key).is_dir()
