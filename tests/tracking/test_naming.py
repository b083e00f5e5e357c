"""What a run is called in W&B, and its columns there."""

from __future__ import annotations

import pytest
from omegaconf import OmegaConf
from tiny_runs import Composer

from aelab.tracking.naming import columns, display_name


@pytest.mark.parametrize(
    "typed, name",
    [
        (["model=denoising", "network.code_size=8", "seed=3"], "denoising · code 8 · seed 3"),
        (["model=denoising", "corruption.probability=0.3"], "denoising · code 4 · probability 0.3 · seed 0"),
        (["optimizer=sgd", "optimizer.lr=0.1"], "undercomplete · code 4 · sgd · lr 0.1 · seed 0"),
        (
            ["network.hidden=[64,32]", "trainer.max_epochs=3", "sweep=a", "logger=none"],
            "undercomplete · code 4 · hidden 64-32 · seed 0",
        ),
    ],
)
def test_names_say_what_differs(compose: Composer, typed: list[str], name: str) -> None:
    config = OmegaConf.to_container(compose(*typed), resolve=True)
    assert display_name(config, typed) == name  # type: ignore[arg-type]


def test_columns_are_what_can_change_the_result(compose: Composer) -> None:
    plain = OmegaConf.to_container(compose(), resolve=True)
    found = columns(plain)  # type: ignore[arg-type]
    assert not {"paths", "logger", "sweep", "force"} & set(found)
    assert "devices" not in found["trainer"] and found["trainer"]["max_epochs"] == 2
    assert "_target_" not in found["model"] and found["model"]["name"] == "undercomplete"
    assert plain["model"]["_target_"], "the record itself is as it was"  # type: ignore[index]
