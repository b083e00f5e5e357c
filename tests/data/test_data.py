"""Parts of any data: splits, standardisation, and what is refused before a part is made."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from data_sets import OWN, ready
from PIL import Image

from aelab.data.batches.splits import split_indices
from aelab.data.module import DataModule
from aelab.data.source import Source
from aelab.errors import UserError


def test_splits() -> None:
    train, val, test = split_indices(100, 0.1, 0.2, seed=3)
    assert sorted([*train, *val, *test]) == list(range(100)) and (len(train), len(val), len(test)) == (
        70,
        10,
        20,
    )
    for key, arguments in (
        ("data.val_fraction=1.5", (100, 1.5, 0.2, 0)),
        ("data.train_size=71", (100, 0.1, 0.2, 0, 71)),
        ("data.val_fraction=0.9", (5, 0.9, 0.2, 0)),
    ):
        with pytest.raises(UserError, match=re.escape(key)):
            split_indices(*arguments)


class Plain(DataModule):
    """Hands over what it is given."""

    def __init__(self, source: Source, **settings: Any) -> None:
        super().__init__(**settings)
        self.source = source

    def read(self) -> Source:
        return self.source


def test_standardisation_comes_from_the_training_part_alone() -> None:
    x = np.random.default_rng(0).normal(3, 2, (200, 4)).astype(np.float32)
    x[:, 3] = 0.1  # constant: stays finite and becomes 0
    data = Plain(Source(x, test_x=1000 + x), standardize=True)
    data.setup()
    train = data.examples("train")
    assert train.mean(0).abs().max() < 1e-5 and (train[:, :3].std(0, correction=0) - 1).abs().max() < 1e-5
    assert torch.equal(train[:, 3], torch.zeros(len(train)))
    restored = data.preprocessing.restore(data.examples("test"))
    torch.testing.assert_close(restored, torch.from_numpy(1000 + x).double())


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (Source(np.zeros((0, 3), np.float32)), r"data=test_data: 0 example\(s\).*at least 2"),
        (Source(np.zeros((1, 3), np.float32)), r"data=test_data: 1 example\(s\) of 3"),
        (Source(np.zeros((5, 0), np.float32)), r"5 example\(s\) of 0 value"),
        (Source(np.array([[0.0], [np.nan], [np.inf]], np.float32)), "2 of them, the first in example 1"),
        (Source(np.array([[0.0], [np.nan], [np.inf]], np.float32), fill_missing=True), "first in example 2"),
        (
            Source(np.zeros((9, 1), np.float32), test_x=np.full((9, 1), np.inf, np.float32)),
            "the test part has",
        ),
        (Source(np.zeros((2, 1), np.float32)), "nothing is left to train on from 2 examples"),
    ],
)
def test_poor_data_are_refused(source: Source, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Plain(source).setup()


def test_missing_labels_and_bad_batch_sizes_are_named() -> None:
    data = Plain(Source(np.zeros((9, 1), np.float32)))
    data.setup()
    with pytest.raises(UserError, match="data=test_data: this needs labels"):
        data.require_labels()
    with pytest.raises(UserError, match=r"data\.batch_size=0"):
        Plain(data.source, batch_size=0)


@pytest.mark.parametrize("name", sorted(OWN))
def test_labels_can_be_asked_for(tmp_path: Path, name: str) -> None:
    np.save(tmp_path / "x.npy", np.random.rand(9, 4))
    pd.DataFrame({"a": range(9)}).to_csv(tmp_path / "x.csv", index=False)
    for i in range(9):
        Image.new("RGB", (4, 4), (i, 0, 0)).save(tmp_path / f"{i}.png")
    paths = {"arrays": "x.npy", "table": "x.csv", "streamed_table": "x.csv", "image_folder": "."}
    data = ready(name, tmp_path, path=str(tmp_path / paths[name]))
    fix = "folder of its own under data.path" if name == "image_folder" else "data.label=<"
    with pytest.raises(UserError, match=f"data={name}: this needs labels.*{fix}"):
        data.require_labels()


@pytest.mark.parametrize("name", sorted(OWN))
def test_a_path_that_is_not_given_or_not_there_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=f"data={name}: data.path is not set.*data.path=my"):
        ready(name, tmp_path)
    with pytest.raises(UserError, match=r"data.path=no/such\.thing: nothing is there"):
        ready(name, tmp_path, path="no/such.thing")
