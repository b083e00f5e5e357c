"""A run is named by what it is: <model>-<data>-<8 hex of the resolved config>."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from aelab.errors import UserError
from aelab.runs.identity_keys import GONE, LATER, NOT_IDENTIFYING

UNNAMED = "refused"  # the directory, for a moment, of a config that no run can be named after


def resolved(config: DictConfig) -> dict[str, Any]:
    """The config of a run as plain containers, interpolations resolved, without Hydra's own part."""
    return {str(key): _plain(config, key) for key in config if key != "hydra"}  # a copy of all would take longer


def _plain(config: DictConfig, key: Any) -> Any:
    node = None if OmegaConf.is_missing(config, key) else config[key]
    if OmegaConf.is_config(node):
        return OmegaConf.to_container(node, resolve=True)
    return "???" if OmegaConf.is_missing(config, key) else node


def recorded(directory: Path, manifest: Mapping[str, Any]) -> DictConfig:
    """The config in a run's record, which was resolved when it was written; the record comes from ``open_record``."""
    try:
        return OmegaConf.create(manifest["config"])
    except OmegaConfBaseException as error:
        raise UserError(f"{directory}: the config in manifest.json is none ({error}); not opened") from None


def check_place(config: DictConfig) -> None:
    """Raise UserError where the names that a run's directory is made of lead out of ``paths.outputs``."""
    for key, fix in (
        ("sweep", "name a folder below paths.outputs, like sweep=my_sweep or sweep=group/my_sweep"),
        ("model.name", "use a name without /"),
        ("data.name", "use a name without /"),
    ):
        name = OmegaConf.select(config, key)
        parts = str(name).split("/") if key == "sweep" else [str(name)]
        if name is None or not all(_is_plain(part) for part in parts):
            raise UserError(f"{key}={name}: would lie outside paths.outputs, or have no name there; {fix}")


def _is_plain(part: str) -> bool:
    """Whether one folder can have this name."""
    return bool(part.strip()) and part not in (".", "..") and "/" not in part and part.isprintable()


def run_id(config: DictConfig) -> str:
    """The identity of a run; equal for configs that differ only in what cannot change the result.

    Raises UserError where it would not name a directory below ``paths.outputs``: whoever writes there asks here first.
    """
    check_place(config)
    plain = resolved(config)
    for dotted in NOT_IDENTIFYING:
        *parents, last = dotted.split(".")
        node = plain
        for parent in parents:
            node = node.get(parent) or {}
        node.pop(last, None)
    for group in ("pretraining", "augmentation"):  # runs from before there were such keep their names
        if (plain.get(group) or {}).get("name") == "none":
            del plain[group]
    for dotted, value in LATER.items():
        *parents, last = dotted.split(".")
        node = plain
        for parent in parents:
            node = node[parent]
        if last in node and node[last] == value:
            del node[last]
    if (plain.get("replicas") or {}).get("name", "none") != "none":
        plain["replicas"] = GONE | plain["replicas"]
    digest = hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:8]
    return f"{plain['model']['name']}-{plain['data']['name']}-{digest}"


def register_resolver() -> None:
    """Make ``${run_id:}`` available to configs: it names the directory before the run starts."""
    OmegaConf.register_new_resolver("run_id", lambda *, _root_: directory_name(_root_), replace=True)


def directory_name(config: DictConfig) -> str:
    """The run id; a name all the same where the config can have none, so that only this run is refused for it.

    Raises UserError where it would lie outside ``paths.outputs``.
    """
    try:
        return run_id(config)
    except UserError:
        raise
    except Exception:  # what is wrong with it, config/checking.py says
        return UNNAMED
