"""Patches of photographs: every place is as likely, and no picture gives patches to two parts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from data_sets import build, ready
from PIL import Image

from aelab.data.module import PARTS, DataModule
from aelab.data.natural_patches import draw_patches
from aelab.errors import UserError


def within(patch: np.ndarray, picture: np.ndarray) -> bool:
    views = np.lib.stride_tricks.sliding_window_view(picture[0], patch.shape)
    rows, columns = np.nonzero(views[..., 0, 0] == patch[0, 0])
    return bool((views[rows, columns] == patch).all((1, 2)).any())


def test_no_picture_gives_patches_to_two_parts(sample: Callable[..., DataModule]) -> None:
    data = sample("natural_patches")
    names = [set(data.pictures[part]) for part in PARTS]
    assert sorted(map(len, names)) == [1, 1, 4] and len(set.union(*names)) == 6
    for part in PARTS:
        patches = data.values[part].numpy().reshape(-1, 8, 8)
        for patch in patches:
            assert (
                [n for p in PARTS for n in data.pictures[p] if within(patch, data.pictures[p][n])]
                == [n for n in data.pictures[part] if within(patch, data.pictures[part][n])]
                != []
            )
    assert data.describe()["pictures"] == {part: list(data.pictures[part]) for part in PARTS}


def test_every_place_in_every_picture_is_as_likely() -> None:
    pictures = {
        "a": np.arange(12, dtype=np.uint8).reshape(1, 3, 4),
        "b": np.arange(100, 104, dtype=np.uint8).reshape(1, 2, 2),
    }
    drawn = draw_patches(pictures, 7000, 2, np.random.default_rng(0))
    corners, counts = np.unique(drawn[:, 0, 0, 0], return_counts=True)
    assert corners.tolist() == [0, 1, 2, 4, 5, 6, 100]
    assert abs(counts - 1000).max() < 4 * np.sqrt(1000)
    assert (drawn[drawn[:, 0, 0, 0] == 5][0, 0] == [[5, 6], [9, 10]]).all()


def test_the_shipped_photographs_and_what_is_refused(sample: Callable[..., DataModule], tmp_path: Path) -> None:
    pytest.importorskip("skimage")
    data = build("natural_patches", tmp_path, count=50, held_out=20)
    data.setup()
    assert list(data.pictures["test"]) == ["astronaut", "camera", "chelsea", "coffee", "china"]
    assert (len(data.pictures["train"]), len(data.pictures["val"])) == (6, 2)
    assert data.pictures["test"]["camera"].shape == (1, 512, 512)
    for wrong, message in (
        ({"patch_size": 21}, r"data.patch_size=21: 0.png is 24 x 20 pixels; lower it"),
        ({"held_out": 1}, "data.held_out=1: must be at least 2"),
        ({"one_class": "a"}, "data.one_class=a: data=natural_patches has no labels"),
    ):
        with pytest.raises(UserError, match=message):
            sample("natural_patches", **wrong)
    Image.new("L", (9, 9)).save(tmp_path / "alone.png")
    with pytest.raises(UserError, match=r"1 picture\(s\) in it; one is needed for each of 3 parts"):
        ready("natural_patches", tmp_path, path=str(tmp_path))
