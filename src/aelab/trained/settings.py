"""Earlier versions fitted replicas of several hyperparameter settings in one run; a sweep does that now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from aelab.errors import UserError
from aelab.runs.record import is_number

COULD_VARY = (
    "model.weight",
    "model.target",
    "corruption.std",
    "corruption.probability",
    "optimizer.lr",
    "network.code_size",
)


def select(directory: Path, config: DictConfig, record: dict[str, Any], count: int, replica: int) -> None:
    """Give ``config`` the values of the replica's setting."""
    settings = record.get("settings") or []
    if count != (record.get("count") or 0) * max(1, len(settings)):
        raise UserError(f"{directory}: its checkpoint and its manifest differ in the number of replicas")
    if not 0 <= replica < count:
        raise UserError(f"replica={replica}: the run has replicas 0 to {count - 1}")
    for key, value in settings[replica // record["count"]]["values"].items() if settings else ():
        if key not in COULD_VARY or not is_number(value):
            raise UserError(f"{directory}: manifest.json has {key}={value} in a setting, which no run writes")
        OmegaConf.update(config, key, value)
