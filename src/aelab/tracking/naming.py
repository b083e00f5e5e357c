"""What a run is called in W&B, and which of its settings are columns there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aelab.errors import plain
from aelab.runs.identity_keys import NOT_IDENTIFYING

BETWEEN = " · "
MOST = 6  # parts of a name
SHORT = {"network.code_size": "code", "data.train_size": "train size"}
_TOLD_ANYWAY = ("model", "network.code_size", "seed")
_WORD = re.compile(r"\+*([\w./@]+)=(.*)", re.S)
_OF_A_RECIPE = ("experiment", "size", "debug", "monitor")


def display_name(config: Mapping[str, Any], overrides: Sequence[str]) -> str:
    """`denoising · code 8 · probability 0.3 · seed 3`: the variant, and what was typed of settings that can differ.

    What is typed the same for all runs of a sweep is part of it, too: no run knows the others.
    """
    model = (config.get("model") or {}).get("name")
    code = (config.get("network") or {}).get("code_size")
    parts = [str(model), f"code {code}", *_typed(config, overrides)][:MOST]
    return plain(BETWEEN.join([*parts, f"seed {config.get('seed')}"]), 120)


def _typed(config: Mapping[str, Any], overrides: Sequence[str]) -> Iterator[str]:
    found = {match[1]: match[2] for word in overrides if (match := _WORD.fullmatch(word))}
    for key, value in found.items():
        if key in _TOLD_ANYWAY or key.partition(".")[0] in _OF_A_RECIPE or _is_machinery(key):
            continue
        chosen = isinstance(config.get(key), Mapping)  # of a group, whose choice speaks for itself
        text = value.strip("[]'\"").replace(",", "-")
        yield text if chosen else f"{SHORT.get(key, key.rpartition('.')[2].replace('_', ' '))} {text}"


def _is_machinery(key: str) -> bool:
    return key.startswith(("hydra.", "hydra/")) or any(
        key == one or key.startswith(f"{one}.") for one in (*NOT_IDENTIFYING, "trainer")
    )


def columns(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config without what cannot change the result and without the names of classes."""
    kept = _without_classes(config)
    for dotted in NOT_IDENTIFYING:
        *parents, last = dotted.split(".")
        node: Any = kept
        for parent in parents:
            node = node.get(parent) if isinstance(node, dict) else None
        if isinstance(node, dict):
            node.pop(last, None)
    return kept


def _without_classes(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {key: _without_classes(value) for key, value in node.items() if not str(key).startswith("_")}
    return [_without_classes(one) for one in node] if isinstance(node, list) else node
