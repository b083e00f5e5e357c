"""What all tests share: one thread, no account of anybody's, and configs of tiny runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import hydra
import pytest
from omegaconf import DictConfig

from aelab.config.objects import conf_dir
from aelab.runs.identity import register_resolver

os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is imported, here and in processes that tests start
os.environ["NETRC"] = os.devnull  # a developer's W&B login must not put tests online
os.environ["WANDB_ERROR_REPORTING"] = "false"
for _name in [name for name in os.environ if name.startswith("WANDB_") and name != "WANDB_ERROR_REPORTING"]:
    del os.environ[_name]

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
        return hydra.compose("train", [*TINY, f"paths.outputs='{outputs}'", *overrides])


@pytest.fixture
def compose(tmp_path: Path) -> Composer:
    """``compose(*overrides)``: the config of a tiny run under this test's own folder."""
    return lambda *overrides: compose_tiny(tmp_path, *overrides)


@pytest.fixture(autouse=True)
def _a_checkpoint_every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiny epochs would be over before the next one is due."""
    monkeypatch.setattr("aelab.runs.checkpoints.SECONDS_BETWEEN", 0.0)


@pytest.fixture(autouse=True)
def _wandb_environment() -> Iterator[None]:
    """Variables that a run sets for W&B end with the test."""
    before = {name: value for name, value in os.environ.items() if name.startswith("WANDB_")}
    yield
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        del os.environ[name]
    os.environ.update(before)
