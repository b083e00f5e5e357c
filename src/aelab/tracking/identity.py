"""A run is named by what it is: <model>-<data>-<8 hex of the resolved config>."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from aelab.errors import UserError
from aelab.tracking.irrelevant import IRRELEVANT, LATER

UNNAMED = "refused"  # the directory, for a moment, of a config that no run can be named after


def resolved(config: DictConfig) -> dict[str, Any]:
    """The config of a run as plain containers, interpolations resolved, without Hydra's own part."""
    keys = [str(key) for key in config if key != "hydra"]
    plain = OmegaConf.to_container(OmegaConf.masked_copy(config, keys), resolve=True)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def recorded(directory: Path, manifest: Mapping[str, Any]) -> DictConfig:
    """The config in a run's manifest, which was resolved when it was written.

    Raises UserError where it holds an interpolation all the same: it would be resolved on the machine of whoever
    opens the run, with the environment that is there.
    """
    config = manifest.get("config")
    if not isinstance(config, dict):
        raise UserError(f"{directory}: manifest.json holds no config; train the run again with force=true")
    for text in _texts(config):
        if "${" in text:
            raise UserError(f"{directory}: manifest.json has {text!r} in its config, which no run writes; not opened")
    return OmegaConf.create(config)


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield str(key)
            yield from _texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from _texts(value)
    elif isinstance(node, str):
        yield node


def run_id(config: DictConfig) -> str:
    """The identity of a run; equal for configs that differ only in what cannot change the result."""
    plain = resolved(config)
    for dotted in IRRELEVANT:
        *parents, last = dotted.split(".")
        node = plain
        for parent in parents:
            node = node.get(parent) or {}
        node.pop(last, None)
    if (plain.get("pretraining") or {}).get("name") == "none":  # runs from before pretraining keep their names
        del plain["pretraining"]
    for dotted, value in LATER.items():
        group, _, key = dotted.partition(".")
        if key in plain[group] and plain[group][key] == value:
            del plain[group][key]
    digest = hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:8]
    return f"{plain['model']['name']}-{plain['data']['name']}-{digest}"


def register_resolver() -> None:
    """Make ``${run_id:}`` available to configs: it names the directory before the run starts."""
    OmegaConf.register_new_resolver("run_id", lambda *, _root_: directory_name(_root_), replace=True)


def directory_name(config: DictConfig) -> str:
    """The run id; a name all the same where the config can have none, so that only this run is refused for it."""
    try:
        return run_id(config)
    except Exception:  # what is wrong with it, config/checking.py says
        return UNNAMED
