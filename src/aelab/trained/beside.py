"""Scores of the methods beside runs, measured once in a process: a sweep's runs share data and code sizes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aelab.building.progress import waiting
from aelab.evaluation.protocol import Coder, Evaluation, Examples, Score

KEPT = 16  # each holds a few numbers a test example

_known: dict[str, Mapping[str, list[Score]]] = {}


def scores_beside(
    name: str, question: Evaluation, config: Any, record: Mapping[str, Any], data: Examples, coder: Coder
) -> Mapping[str, list[Score]]:
    """By method; measured once for each data, code size and config."""
    network = record["config"]["network"] if getattr(question, "of_network", False) else None
    key = json.dumps(
        [name, config, coder.code_size, data.seed, data.kind, record["config"]["data"], record["data"], network]
    )
    if key not in _known:
        if len(_known) == KEPT:
            del _known[next(iter(_known))]
        with waiting(f"{name}: baselines"):
            _known[key] = question.baselines(data, coder.code_size)
    return _known[key]
