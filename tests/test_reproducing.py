"""The papers' blocks of all recipes keep the rules; their figures stand beside those of the runs."""

from __future__ import annotations

from typing import Any

import pytest

from aelab.errors import UserError
from aelab.reproducing.paper import in_words, picks, read_paper, read_papers
from aelab.reproducing.recipe import Recipe

FIGURE = {"metric": "test/mse", "value": 3.0, "unit": "squared error", "where": "Fig. 2", "tag": "V"}
ORDERING = {"metric": "test/mse", "lowest_first": [{"model.name": "a"}, {"model.name": "b"}], "where": "x", "tag": "C"}


def block(figure: dict[str, Any] | None = None, ordering: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"title": "A paper", "figures": [FIGURE | (figure or {})], "orderings": [ORDERING | (ordering or {})]}


@pytest.mark.parametrize("name", sorted(read_papers()))
def test_every_figure_and_ordering_picks_runs_of_its_recipe(name: str) -> None:
    paper, recipe = read_papers()[name], Recipe(name)
    assert recipe.directory.name == name
    for metric, choice in paper.questions():
        found = [run for run, config in recipe.ids().items() if picks(choice, config)]
        assert found, f"{metric} of {in_words(choice)}: no run of experiment={name} is so"


def test_a_recipe_knows_its_runs_by_id() -> None:
    recipe = Recipe("hinton2006_mnist")
    assert len(recipe.ids()) == 4 and len(Recipe("hinton2006_mnist", overrides=["seed=1,2"]).ids()) == 8
    assert set(Recipe("hinton2006_mnist", overrides=["trainer=gpu", "logger=none"]).ids()) == set(recipe.ids())
    assert set(Recipe("hinton2006_mnist", overrides=["seed=5"]).ids()) == set(recipe.ids(seed=5))
    assert not set(Recipe("hinton2006_mnist", "paper").ids()) & set(recipe.ids())


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (block({"value": "three"}), "paper.figures[0].value=three: must be a number"),
        (block({"tag": "W"}), "paper.figures[0].tag=W: choose one of V,"),
        (block({"size": "large"}), "paper.figures[0].size=large: choose one of small, paper"),
        (block({"within": -1}), "paper.figures[0].within=-1: must be 0 or more"),
        (block({"unnit": "nats"}), "paper.figures[0].unnit: unknown key"),
        (block({"of": {"model": {"name": "a"}}}), "paper.figures[0].of.model: write the key with dots"),
        (block(ordering={"lowest_first": [{"model.name": "a"}]}), "paper.orderings[0].lowest_first: needs two"),
        ({"title": "A paper"}, "neither figures nor orderings"),
        ({"figures": [FIGURE]}, "paper.title: missing"),
        ("A paper", "paper=A paper: must be a mapping"),
    ],
)
def test_a_block_that_breaks_the_rules_is_named_by_its_key(wrong: Any, told: str) -> None:
    with pytest.raises(UserError) as caught:
        read_paper(wrong)
    assert told in str(caught.value)
