"""Every recipe names its own folder and its sweep, and grows with size=paper."""

from __future__ import annotations

import hydra
import pytest
from omegaconf import DictConfig, OmegaConf

from aelab.config.objects import conf_dir
from aelab.runs.identity import register_resolver

RECIPES = sorted(path.stem for path in (conf_dir() / "size" / "paper").glob("*.yaml"))

GROWS = {"none": "pretraining.max_epochs", "nested": "replicas.data_sets"}


def composed(*overrides: str) -> DictConfig:
    register_resolver()
    with hydra.initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return hydra.compose("train", list(overrides), return_hydra_config=True)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_names_its_sweep_and_what_it_costs(name: str) -> None:
    config = composed(f"experiment={name}")
    assert config.sweep == name
    header = (conf_dir() / "experiment" / f"{name}.yaml").read_text().split("defaults:")[0]
    assert header.startswith("# @package _global_\n")
    many = "-m " if config.hydra.sweeper.params else ""  # a recipe without a sweep is one run
    assert f"python scripts/train.py {many}experiment={name}" in header
    assert "on 2 cores" in header or "on a core" in header


def amount(config: DictConfig, key: str) -> float:
    """A size; null, for train_size and others, is all there is."""
    value = OmegaConf.select(config, key)
    return float("inf") if value is None else value


@pytest.mark.parametrize("name", RECIPES)
def test_size_paper_scales_a_recipe_up(name: str) -> None:
    small, paper = composed(f"experiment={name}"), composed(f"experiment={name}", "size=paper")
    assert paper.sweep == f"{name}_paper"
    keys = (
        GROWS.get(small.replicas.name, "replicas.count"),
        "trainer.max_epochs",
        "data.train_size",
        "data.train_examples",
    )
    grown = [key for key in keys if amount(paper, key) > amount(small, key)]
    assert grown and all(amount(paper, key) >= amount(small, key) for key in keys[1:3])
    params = [dict(config.hydra.sweeper.params or {}) for config in (small, paper)]
    assert set(params[0]) <= set(params[1])
    assert all(str(params[1][key]).count(",") >= str(values).count(",") for key, values in params[0].items())
    changed = composed(f"experiment={name}", "size=paper", f"{grown[0]}=3")
    assert OmegaConf.select(changed, grown[0]) == 3, "the command line wins"
