"""What is wrong with the config of a run, if anything: asked once, before anything of the run is begun."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from aelab.config.arguments import check_arguments, check_names, shown, unknown
from aelab.config.hardware import check_devices
from aelab.config.objects import conf_dir
from aelab.config.ranges import check_ranges, flat
from aelab.config.trust import resolve
from aelab.errors import UserError

GIVEN = {  # arguments that aelab itself hands over
    "model": ("network", "error", "corruption", "optimizer", "scheduler", "seed"),
    "network": ("shape",),
    "initialization": ("network", "x"),
    "optimizer": ("params",),
    "scheduler": ("optimizer",),
    "trainer": (
        "logger", "callbacks", "plugins", "default_root_dir", "enable_progress_bar", "enable_model_summary",
        "enable_checkpointing", "num_sanity_val_steps", "log_every_n_steps", "use_distributed_sampler",
        "inference_mode", "barebones",
    ),
}  # fmt: skip
FROM_DATA = {"network": ("code_size", "symbols")}  # keys that the data decide where they are null
OWN = {"trainer": ("steps_per_execution",)}  # keys of a group that its class does not take
NOTES = ("paper",)  # keys of a recipe that say something about it


def check(config: DictConfig, typed: Sequence[str] = ()) -> None:
    """Raise UserError, one line with key, value and fix, for the first thing in a config that cannot be meant.

    ``typed``: the overrides of the command line. Nothing is read but ``conf/``, and nothing written. What only the data
    can tell is said when these are read.
    """
    check_groups(config)
    check_keys(config, "train")
    plain = _plain(config)
    check_ranges(plain)
    _check_size(typed)
    _check_group("trainer", plain["trainer"], typed)
    _check_length(plain["trainer"])  # before the scheduler, which follows it
    for group in groups():
        _check_group(group, plain[group], typed)
    for name, values in plain["evaluation"].items():
        if not isinstance(values, Mapping):
            raise UserError(f"evaluation.{name}={shown(values)}: unknown key, which nothing makes use of; leave it out")
        _check_group(f"evaluation.{name}", values, typed)
    if plain["scheduler"].get("T_max") == -1:
        raise UserError(
            f"scheduler={plain['scheduler']['name']} trainer.max_epochs=-1: the rate falls until the last epoch, and "
            "there is none; use scheduler=none, or give scheduler.T_max a number"
        )
    check_devices(plain["trainer"])


def check_groups(config: DictConfig) -> None:
    """Raise UserError for the first config group that has been taken away."""
    for group, default in groups().items():
        value = config.get(group)
        if isinstance(value, DictConfig):
            continue
        fix = f"a run needs one, like {group}={default}"
        if value is None:
            raise UserError(f"~{group}: deleted; {fix}")
        raise UserError(f"{group}={value}: not a choice of conf/{group}; {fix}")


@lru_cache
def groups() -> dict[str, str]:
    """The config groups of which every run has a choice, with their defaults, as ``conf/train.yaml`` lists them."""
    return {group: choice for group, choice in _listed("train").items() if isinstance(choice, str)}


@lru_cache
def _program(name: str) -> dict[str, Any]:
    """What ``conf/<name>.yaml`` says itself."""
    loaded: Any = OmegaConf.to_container(OmegaConf.load(conf_dir() / f"{name}.yaml"))
    return dict(loaded)


def _plain(config: DictConfig) -> dict[str, Any]:
    keys = [str(key) for key in config if key != "hydra"]
    try:
        plain: Any = OmegaConf.to_container(OmegaConf.masked_copy(config, keys), resolve=True, throw_on_missing=True)
    except Exception as error:
        key = getattr(error, "full_key", None) or "config"
        raw = OmegaConf.to_container(config, resolve=False)
        value = dict(flat(raw)).get(key, "???")
        raise UserError(f"{key}={value}: cannot be resolved ({str(error).splitlines()[0]}); give a value") from error
    return plain | {"evaluation": plain.get("evaluation") or {}}


def _listed(name: str) -> dict[str, Any]:
    """The groups in the defaults of ``conf/<name>.yaml`` and their choices."""
    pairs = {
        key: value for entry in _program(name)["defaults"] if isinstance(entry, dict) for key, value in entry.items()
    }
    return {key: value for key, value in pairs.items() if not set("/@ ") & set(key)}


def check_keys(config: DictConfig, name: str) -> None:
    """Raise UserError for the first key that the program of ``conf/<name>.yaml`` makes no use of, or a wrong switch.

    A key beside the program's own is a choice of a group, or a variable that another value refers to.
    """
    choices = HydraConfig.get().runtime.choices if HydraConfig.initialized() else {}
    own = _program(name)
    known = {*_listed(name), *own, *NOTES, *choices} - {"defaults"}
    raw: Any = OmegaConf.to_container(config, resolve=False)
    texts = [str(value) for _, value in flat(raw)]
    for key, value in raw.items():
        if key not in known and not any(f"${{{key}}}" in text or f"${{{key}." in text for text in texts):
            near = difflib.get_close_matches(str(key), sorted(known), 1)
            meant = f"did you mean {near[0]}? Else leave it out" if near else "leave it out"
            raise UserError(f"{key}={shown(value)}: unknown key, which nothing makes use of; {meant}")
        if isinstance(own.get(key), bool) and not isinstance(value, bool):
            raise UserError(f"{key}={shown(value)}: must be true or false, like {key}={shown(own[key])}")


def _check_size(typed: Sequence[str]) -> None:
    """``size=paper`` without a recipe, or with one that has no such size, would change nothing."""
    choices = dict(override.lstrip("+").partition("=")[::2] for override in typed)
    size = choices.get("size", "null")
    recipe = choices.get("experiment", "null")
    files = [path for folder in _folders() for path in (folder / "size" / size).glob("*.yaml")]
    recipes = sorted(path.stem for path in files)
    if size == "null" or recipe in recipes:
        return
    lacking = "is of a recipe, and there is none" if recipe == "null" else f"experiment={recipe} has no such size"
    raise UserError(f"size={size}: {lacking}; leave it out, or choose experiment= {', '.join(recipes)}")


def _folders() -> list[Path]:
    """Where configs come from: ``conf/``, and what the command line adds to it."""
    if not HydraConfig.initialized():
        return [conf_dir()]
    return [Path(source.path) for source in HydraConfig.get().runtime.config_sources if source.schema == "file"]


def _check_group(group: str, values: Mapping[str, Any], typed: Sequence[str]) -> None:
    if "_target_" not in values:
        _check_choice(group, values, typed)
        return
    target = resolve(group.partition(".")[0], values["_target_"], conf_dir())
    given = {key: value for key, value in values.items() if key != "name" and not key.startswith("_")}
    left = [key for key in FROM_DATA.get(group, ()) if given.get(key, ...) is None]
    own = {key: value for key, value in given.items() if key not in (*OWN.get(group, ()), *left)}
    for key in GIVEN.get(group, ()):
        if key in own:
            raise UserError(f"{group}.{key}={shown(own[key])}: aelab sets this itself; leave it out")
    check_names(group, target, own, values["_target_"])
    for key in getattr(target, "unused", ()):
        if key in own and key not in _defaults(group, values.get("name")):
            raise unknown(group, key, own[key], values["_target_"])
    try:
        check_arguments(group, target, own)
    except UserError as error:
        key = str(error).partition("=")[0].rpartition(".")[2]
        default = _defaults(group, values.get("name")).get(key, "???")
        fix = f"; the default is {group}.{key}={shown(default)}" if default != "???" else f"; leave {group}.{key} out"
        raise UserError(f"{error}{fix}") from error


def _check_choice(group: str, values: Mapping[str, Any], typed: Sequence[str]) -> None:
    """A choice that builds nothing has the keys of its file; what a recipe left of another choice says nothing."""
    if group.startswith("evaluation."):
        return  # the settings that a recipe leaves behind where another evaluation than its own was asked for
    known = _defaults(group, values.get("name")) or _defaults(group, groups()[group])
    others = {key for path in (conf_dir() / group).glob("*.yaml") for key in _defaults(group, path.stem)}
    for key, value in values.items():
        left = key in others and not any(override.lstrip("+").startswith(f"{group}.{key}=") for override in typed)
        if key not in known and not left:
            name = f"{group}={values.get('name', 'default')}"
            raise UserError(f"{group}.{key}={shown(value)}: unknown key, of which {name} makes no use; leave it out")


def _defaults(group: str, name: str | None) -> dict[str, Any]:
    """The keys of a group's choice with their values as its file has them."""
    folder, _, inner = group.partition(".")
    paths = (top / folder / f"{name or inner or 'default'}.yaml" for top in _folders())
    return next((_read(path) for path in paths if path.is_file()), {})


@lru_cache
def _read(path: Path) -> dict[str, Any]:
    loaded: Any = OmegaConf.to_container(OmegaConf.load(path))
    found: dict[str, Any] = {}
    for entry in loaded.get("defaults", ()):
        if isinstance(entry, str) and entry != "_self_":
            found |= _read(path.with_name(f"{entry}.yaml"))
    return found | {key: value for key, value in loaded.items() if key != "defaults"}


def _check_length(trainer: Mapping[str, Any]) -> None:
    """How long to train: an end there must be, and, before it, an epoch that is validated."""
    epochs = trainer["max_epochs"]
    every = trainer["check_val_every_n_epoch"]
    ends = trainer.get("max_steps", -1) not in (-1, None) or trainer.get("max_time") is not None
    if epochs is None or epochs == -1:
        if not ends:
            raise UserError(
                f"trainer.max_epochs={shown(epochs)}: would never end; give a number, like trainer.max_epochs=30, or "
                "an end of another kind, like +trainer.max_time=00:12:00:00"
            )
    elif epochs < 0:
        raise UserError(
            f"trainer.max_epochs={epochs}: must be 0 (pretraining alone) or more, like trainer.max_epochs=30"
        )
    elif epochs and every > epochs and not trainer.get("fast_dev_run"):
        raise UserError(
            f"trainer.check_val_every_n_epoch={every}: no epoch would be validated, of trainer.max_epochs={epochs}; "
            f"use trainer.check_val_every_n_epoch={epochs} or less"
        )
