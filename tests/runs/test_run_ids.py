"""A run's name is the hash of its resolved config: no change of the code may rename what is done already."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import hydra
import pytest
from former import as_before, with_scheduler
from omegaconf import DictConfig

from aelab.config.objects import conf_dir
from aelab.runs.identity import register_resolver, run_id

KNOWN = Path(__file__).parents[1] / "support" / "run_ids.json"
GROUPS = ("augmentation", "callbacks", "corruption", "data", "debug", "error", "evaluation", "initialization", "logger",
          "model", "network", "optimizer", "pretraining", "replicas", "scheduler", "trainer")  # fmt: skip


def choices(*groups: str) -> Iterator[str]:
    for group in groups:
        for path in sorted((conf_dir() / group).glob("*.yaml")):
            yield f"{group}={path.stem}"
    yield "scheduler=cosine scheduler._target_=torch.optim.lr_scheduler.ExponentialLR +scheduler.gamma=1"


def names(*groups: str) -> dict[str, str]:
    register_resolver()
    with hydra.initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return {choice: run_id(composed(choice)) for choice in choices(*groups)}


def composed(choice: str) -> DictConfig:
    """A recipe says all that it needs; whatever else is chosen stands beside the defaults of 0.2."""
    if choice.startswith("experiment="):
        return hydra.compose("train", [choice])
    return as_before(hydra.compose("train", with_scheduler(choice.split())))


@pytest.mark.parametrize(
    "groups", [GROUPS, pytest.param(("experiment",), marks=pytest.mark.slow)], ids=["groups", "recipes"]
)
def test_every_choice_keeps_its_name(groups: tuple[str, ...]) -> None:
    known = json.loads(KNOWN.read_text())
    found = names(*groups)
    assert found and {choice: name for choice, name in found.items() if known.get(choice, name) != name} == {}


if __name__ == "__main__":  # adds the names of new choices to those that are known
    KNOWN.write_text(json.dumps(names(*GROUPS, "experiment") | json.loads(KNOWN.read_text()), indent=1) + "\n")
