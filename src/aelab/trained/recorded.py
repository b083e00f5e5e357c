"""The preprocessing that a run's checkpoint holds, of this version and of earlier ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from aelab.config.objects import conf_dir
from aelab.config.trust import resolve
from aelab.data.preprocessing import NUMBERS, PIXELS, Preprocessing
from aelab.data.table import Table
from aelab.errors import UserError


def recorded_preprocessing(directory: Path, config: DictConfig, checkpoint: dict[str, Any], size: int) -> Preprocessing:
    """What the data of a run in ``directory`` went through; examples have ``size`` values.

    The data module keeps it in the checkpoint under the name of its class. Raises UserError where what is there is no
    preprocessing of such examples.
    """
    found = checkpoint.get(str(config.data.get("_target_")).rpartition(".")[2]) or {}
    try:
        return Preprocessing.of_plain(found if "kind" in found else _earlier(config, found), size)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{directory}: its checkpoint does not hold the preprocessing of its data ({error})") from error


def _earlier(config: DictConfig, found: dict[str, Any]) -> dict[str, Any]:
    """Of a run that kept mean and scale alone, rounded its data to float32 first, and took all bytes for pixels."""
    target: Any = resolve("data", config.data._target_, conf_dir())
    table = issubclass(target, Table)
    kind = NUMBERS if table or config.data.name == "adbench" else PIXELS
    plain: dict[str, Any] = {"kind": kind, "raw": "float32"}
    if found:
        plain |= {"offset": found["mean"], "scale": found["scale"]}
        if config.data.get("missing") in ("mean", "indicator"):
            plain["fill"] = found["mean"]
    return plain
