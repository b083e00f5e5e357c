"""Which configuration keys tell the runs of a comparison apart."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from aelab.comparison.wording import ABSENT, plain, shown
from aelab.runs.identity_keys import LATER, NOT_IDENTIFYING

# What cannot change a result (where things lie, who watches, which machine works) or is told elsewhere.
_NOT_CHOICES = {*NOT_IDENTIFYING, "callbacks", "run_id", "seed", "trainer", "wandb"}
_WHOLE_GROUPS = {"evaluation", "paper", "paths", "logger", "wandb", "hydra"}
_PLACES = {"dirpath", "root_dir", "save_dir", "output_dir", "default_root_dir", "enable_progress_bar"}
_HYDRA = {"_target_", "_partial_", "_convert_", "_recursive_", "_args_"}
# Errors are comparable only where these are equal: a difference in them is always told.
_ALWAYS_TOLD = {"data", "error", "network.code_size"}


class Configured(Protocol):
    """Anything with a flat configuration and the overrides a person typed."""

    @property
    def config(self) -> dict[str, Any]: ...
    @property
    def overrides(self) -> tuple[str, ...]: ...
    @property
    def run_id(self) -> str: ...
    @property
    def seed(self) -> Any: ...


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted keys. A group stands for its `name` (`model: sparse_l1`), or its class where it has no name."""
    flat: dict[str, Any] = {}
    if prefix and ("name" in config or "_target_" in config):
        flat[prefix] = config.get("name", str(config.get("_target_")).rpartition(".")[2])
    for key, value in config.items():
        if key in _HYDRA or (key == "name" and prefix):
            continue
        dotted = f"{prefix}.{key}" if prefix else key
        flat |= flatten(value, dotted) if isinstance(value, dict) else {dotted: _single(value)}
    return flat


def _single(value: Any) -> Any:
    """A list of one number as that number, so that the width of a single hidden layer is an axis."""
    one = isinstance(value, list) and len(value) == 1 and isinstance(value[0], int | float)
    return value[0] if one else value


def choices(runs: Sequence[Configured]) -> list[dict[str, str]]:
    """What was chosen for each run, as text: its configuration without the seed, places and loggers."""
    keys = {key for run in runs for key in run.config}
    keys = {key for key in keys if not (_is_no_choice(key) or _says_again(key, runs))}
    return [{key: shown(value) for key, value in _own(run, keys)} for run in runs]


def differing_keys(chosen: Sequence[Mapping[str, str]]) -> list[str]:
    """The keys that do not have one value throughout: model first, then other groups, then single keys."""
    values: dict[str, set[str]] = {}
    for one in chosen:
        for key, value in one.items():
            values.setdefault(key, set()).add(value)
    present = {key: sum(key in one for one in chosen) for key in values}
    keys = [key for key in values if len(values[key]) > 1 or present[key] < len(chosen)]
    return sorted(keys, key=lambda key: (key != "model", "." in key))


def swept_keys(runs: Sequence[Configured]) -> list[str]:
    """The differing keys without those that only follow from another choice.

    A key follows from a group's choice if it has one value wherever that choice is the same: the weight of
    a model that has only ever one. What a person typed is a choice of its own, unless it lies in that group.
    """
    chosen = choices(runs)
    typed = {override.partition("=")[0].lstrip("+~") for run in runs for override in run.overrides}
    differing = differing_keys(chosen)
    kept: list[str] = []
    for key in differing:
        groups = [group for group in kept if "." not in group]
        own = any(key.startswith(f"{group}.") for group in groups)
        always = key in _ALWAYS_TOLD or (key in typed and not own)
        if always or not any(_follows(key, group, chosen) for group in groups):
            kept.append(key)
    return kept


def short_names(keys: Iterable[str]) -> dict[str, str]:
    """The last part of each key, or the whole key where the last part would be ambiguous."""
    keys = list(keys)
    last = [key.rpartition(".")[2] for key in keys]
    named = [part if last.count(part) == 1 else key for key, part in zip(keys, last, strict=True)]
    return {key: plain(name, 40) for key, name in zip(keys, named, strict=True)}


def factors(keys: Iterable[str]) -> dict[str, list[str]]:
    """The keys by the choice they belong to: `model` with `model.weight`, everything else by itself."""
    keys = list(keys)
    found: dict[str, list[str]] = {}
    for key in keys:
        head = key.partition(".")[0]
        found.setdefault(head if head in keys else key, []).append(key)
    return found


def _is_no_choice(key: str) -> bool:
    return key in _NOT_CHOICES or key.partition(".")[0] in _WHOLE_GROUPS or key.rpartition(".")[2] in _PLACES


def _says_again(key: str, runs: Sequence[Configured]) -> bool:
    """Keys like data.seed that say the seed again, and a schedule's length, which is that of the training."""
    if key == "scheduler.T_max":
        lengths = [run.config.get("trainer.max_epochs") for run in runs]
        return all(run.config.get(key, length) == length for run, length in zip(runs, lengths, strict=True))
    return key.endswith("seed") and all(run.config.get(key, run.seed) == run.seed for run in runs)


def _own(run: Configured, keys: set[str]) -> Iterator[tuple[str, Any]]:
    """The values of the keys, without paths that name the run itself and what runs from before did without."""
    for key, value in run.config.items():
        if key in LATER and value == LATER[key]:
            continue
        if key in keys and not (isinstance(value, str) and len(run.run_id) > 7 and run.run_id in value):
            yield key, value


def _follows(key: str, group: str, chosen: Sequence[Mapping[str, str]]) -> bool:
    pairs = {(one.get(group, ABSENT), one.get(key, ABSENT)) for one in chosen}
    return len(pairs) == len({choice for choice, _ in pairs})
