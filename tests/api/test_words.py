"""What is given in Python reaches Hydra as it was meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import aelab
from aelab.api.words import words_of
from aelab.errors import UserError


@pytest.mark.parametrize(
    "keys, words",
    [
        ({"seed": 3, "force": True, "monitor": None}, ["seed=3", "force=true", "monitor=null"]),
        ({"network": {"code_size": 8, "hidden": [64, 32]}}, ["network.code_size=8", "network.hidden=[64,32]"]),
        ({"network.code_size": np.int64(8)}, ["network.code_size=8"]),
        ({"data": "arrays", "data.path": Path("/a b/x.npy")}, ["data=arrays", "data.path='/a b/x.npy'"]),
    ],
)
def test_keys(keys: dict[str, Any], words: list[str]) -> None:
    assert words_of(["model=vae"], keys) == ["model=vae", *words]


def test_several_values_are_of_a_sweep() -> None:
    keys = {"model": ("vae", "rae"), "seed": range(3), "network": {"hidden": ([32], [64, 32])}}
    assert words_of([], keys, several=True) == ["model=vae,rae", "seed=0,1,2", "network.hidden=[32],[64,32]"]
    with pytest.raises(UserError, match=r"seed=range\(0, 3\): several values"):
        words_of([], {"seed": range(3)})


@pytest.mark.parametrize("wrong", ["data=digits", ["--cfg"], ["vae"], [3]])
def test_what_is_no_override_is_refused(wrong: Any) -> None:
    with pytest.raises(UserError, match=r"key=value|list of texts"):
        words_of(wrong, {})


def test_an_array_is_refused() -> None:
    with pytest.raises(UserError, match=r"data=ndarray: .* aelab\.sklearn"):
        words_of([], {"data": np.zeros(3)})


def test_composed_values_are_those_that_were_given() -> None:
    config = aelab.compose(["model=vae"], network={"hidden": [64], "code_size": 3}, **{"sweep": "a b"})
    assert (config.model.name, config.network.hidden, config.network.code_size) == ("vae", [64], 3)
    assert config.sweep == "a b"
    with pytest.raises(UserError, match=r"^model=vea: no such choice, did you mean vae\?"):
        aelab.compose(model="vea")
