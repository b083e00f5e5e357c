"""A run is named by what it is: <model>-<data>-<8 hex of the resolved config>."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from omegaconf import DictConfig, OmegaConf

from aelab.tracking.irrelevant import IRRELEVANT

# Keys that came later, with the value that changes nothing: runs from before keep their names.
LATER = {
    ("data", "one_class"): None,
    ("data", "categorical"): None,
    ("model", "decay"): 0.0,
    ("network", "output_activation"): "identity",
}


def resolved(config: DictConfig) -> dict[str, Any]:
    """The config of a run as plain containers, interpolations resolved, without Hydra's own part."""
    keys = [str(key) for key in config if key != "hydra"]
    plain = OmegaConf.to_container(OmegaConf.masked_copy(config, keys), resolve=True)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


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
    for (group, key), value in LATER.items():
        if key in plain[group] and plain[group][key] == value:
            del plain[group][key]
    digest = hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:8]
    return f"{plain['model']['name']}-{plain['data']['name']}-{digest}"


def register_resolver() -> None:
    """Make ``${run_id:}`` available to configs: it names the directory before the run starts."""
    OmegaConf.register_new_resolver("run_id", lambda *, _root_: run_id(_root_), replace=True)
