"""How far a sweep has come and how long it has left: from what it was started with and what its runs have taken."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from aelab.machines.regular_files import open_inside

_LIMIT = 2**20  # bytes of multirun.yaml that are read


def of_run(seconds: float | None, done: int, most: Any) -> float | None:
    """Seconds that a run has left whose ``done`` epochs of ``most`` took ``seconds``; None before its first epoch."""
    if seconds is None or done < 1 or not isinstance(most, int) or most < done:
        return None
    return seconds * (most - done) / done


def of_sweep(directory: Path, manifests: Iterable[Mapping[str, Any]]) -> tuple[int, float | None] | None:
    """How many runs the sweep that was started last in a folder has, and the seconds that it has left.

    ``manifests``: of its runs. It goes on as it went: the complete ones since it began took the time since then.
    The seconds are None before the first one is complete. None where no sweep says how many runs it has.
    """
    started = _started(directory)
    if started is None:
        return None
    began, total = started
    done = [one for one in manifests if one.get("status") == "complete"]
    since = sum(_finished(one) >= began for one in done)
    if not since:
        return total, None
    elapsed = datetime.now(UTC).timestamp() - began
    return total, max(0.0, elapsed * (total - len(done)) / since)


def _started(directory: Path) -> tuple[float, int] | None:
    """When the sweep began, and its number of runs."""
    try:
        with open_inside(directory, "multirun.yaml") as file:
            began = os.fstat(file.fileno()).st_mtime
            hydra: Any = OmegaConf.to_container(OmegaConf.create(file.read(_LIMIT).decode()), resolve=False)
        hydra = hydra["hydra"]
        sweeper = hydra["sweeper"]
        if "n_trials" in sweeper:
            return began, int(sweeper["n_trials"])
        typed = list(hydra["overrides"]["task"])
        keys = {word.partition("=")[0] for word in typed}
        params = [f"{key}={values}" for key, values in (sweeper.get("params") or {}).items() if key not in keys]
        return began, _combinations([*params, *typed])
    except Exception:  # none, or not written by Hydra: a list of runs is told without it
        return None


def _combinations(words: Iterable[str]) -> int:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    parsed = OverridesParser.create().parse_overrides(list(words))
    return math.prod(len(list(one.sweep_iterator())) for one in parsed if one.is_sweep_override())


def _finished(manifest: Mapping[str, Any]) -> float:
    try:
        return datetime.fromisoformat(str((manifest.get("timings") or {}).get("finished"))).timestamp()
    except ValueError:
        return -math.inf
