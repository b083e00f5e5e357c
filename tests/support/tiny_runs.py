"""Configs of runs of a second."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import environment  # noqa: F401  (before torch; scripts that tests start have no conftest)
import hydra
from hydra.errors import ConfigCompositionException
from omegaconf import DictConfig

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
    with hydra.initialize_config_dir(str(conf_dir()), version_base="1.3"):
        words = [*TINY, f"paths.outputs='{outputs}'", *overrides]
        try:
            return hydra.compose("train", words)
        except ConfigCompositionException as error:
            if "Could not override 'network." not in str(error):
                raise
            chosen = hydra.compose("train", [word for word in words if not word.startswith("network.")]).network
            lacking = [f"network.{key}=" for key in ("hidden", "code_size") if key not in chosen]
            return hydra.compose("train", [word for word in words if not word.startswith(tuple(lacking))])
