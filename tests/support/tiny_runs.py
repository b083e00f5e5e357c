"""Configs of runs of a second."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import environment  # noqa: F401  (before torch; scripts that tests start have no conftest)
import hydra
from omegaconf import DictConfig, OmegaConf

from aelab.config.objects import conf_dir
from aelab.runs.identity import register_resolver

TINY = (
    "data=digits",
    "network.hidden=[16]",
    "network.code_size=4",
    "trainer.max_epochs=2",
    "logger=none",
    "callbacks.pictures_every=0",
)

Composer = Callable[..., DictConfig]


def compose_tiny(outputs: Path, *overrides: str) -> DictConfig:
    """The config of a run of a second that lands under ``outputs``; later overrides win."""
    register_resolver()
    tiny = list(TINY)
    for network in [override.partition("=")[2] for override in overrides if override.startswith("network=")]:
        if "hidden" not in OmegaConf.load(conf_dir() / "network" / f"{network}.yaml"):
            tiny = [override for override in TINY if "hidden" not in override]
    with hydra.initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return hydra.compose("train", [*tiny, f"paths.outputs='{outputs}'", *overrides])
