"""A run's name is the hash of its resolved config: no change of the code may rename what is done already."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import hydra
import pytest

from aelab.configuration import conf_dir
from aelab.tracking.identity import register_resolver, run_id

KNOWN = Path(__file__).with_name("run_ids.json")
GROUPS = ("callbacks", "corruption", "data", "debug", "error", "evaluation", "experiment", "initialization", "logger",
          "model", "network", "optimizer", "pretraining", "replicas", "scheduler", "trainer")  # fmt: skip


def choices() -> Iterator[str]:
    for group in GROUPS:
        for path in sorted((conf_dir() / group).glob("*.yaml")):
            yield f"{group}={path.stem}"
    yield "scheduler=cosine scheduler._target_=torch.optim.lr_scheduler.ExponentialLR ~scheduler.T_max +scheduler.gamma=1"


@pytest.fixture(scope="module")
def found() -> dict[str, str]:
    register_resolver()
    with hydra.initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return {choice: run_id(hydra.compose("train", choice.split())) for choice in choices()}


def test_every_choice_of_every_group_keeps_its_name(found: dict[str, str]) -> None:
    known = json.loads(KNOWN.read_text())
    assert {choice: name for choice, name in found.items() if choice in known} == known


if __name__ == "__main__":  # adds the names of new choices to those that are known
    register_resolver()
    with hydra.initialize_config_dir(str(conf_dir()), version_base="1.3"):
        names = {choice: run_id(hydra.compose("train", choice.split())) for choice in choices()}
    KNOWN.write_text(json.dumps(names, indent=1) + "\n")
