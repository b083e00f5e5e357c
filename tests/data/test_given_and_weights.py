"""Columns that are given beside examples, and weights: what is read, and every way to name them wrongly."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from aelab.data.arrays import Arrays
from aelab.data.digits import Digits
from aelab.data.module import DataModule
from aelab.data.preprocessing import Preprocessing
from aelab.data.streamed_table import StreamedTable
from aelab.data.table import Table
from aelab.errors import UserError


def frame(count: int = 60) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    table = pd.DataFrame(draw.normal(size=(count, 3)), columns=list("abc"))
    table["kind"] = np.array(["u", "v", "w"])[draw.integers(0, 3, count)]
    table["age"] = draw.uniform(20, 60, count)
    table["weight"] = draw.integers(0, 4, count)
    return table


def read(tmp_path: Path, table: pd.DataFrame, streamed: bool = False, **settings: Any) -> DataModule:
    path = tmp_path / "t.csv"
    table.to_csv(path, index=False)
    own: Any = {"cache": str(tmp_path / "cache")} if streamed else {}
    data = (StreamedTable if streamed else Table)(path=str(path), **own, **settings)
    data.setup()
    return data


BOTH = {"given": ["kind", "age"], "categorical": ["kind"], "weight": "weight"}


@pytest.mark.parametrize("streamed", [False, True])
def test_rows_have_what_is_given_and_the_weight_behind_the_values(tmp_path: Path, streamed: bool) -> None:
    table = frame()
    data = read(tmp_path, table, streamed, **BOTH)
    assert data.layout == (3, 4, True)
    chosen = table.iloc[data.origin("train")["row"]]
    assert (chosen.weight > 0).all() and sum(map(data.size, ("train", "val", "test"))) == (table.weight > 0).sum()
    rows = data.wide_rows("train")
    assert data.examples("train").shape == (len(chosen), 3)
    np.testing.assert_array_equal(rows[:, 3:6], pd.get_dummies(chosen.kind))
    mean = np.average(chosen.age, weights=chosen.weight)
    std = np.sqrt(np.average((chosen.age - mean) ** 2, weights=chosen.weight))
    np.testing.assert_allclose(rows[:, 6], (chosen.age - mean) / std, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(rows[:, 7], chosen.weight)
    means = np.average(chosen[["a", "b", "c"]], axis=0, weights=chosen.weight)
    np.testing.assert_allclose(data.preprocessing.offset, means, rtol=1e-12)
    batch = next(iter(data.train_dataloader()))
    assert batch.shape[-1] == 8


def test_streamed_rows_are_the_same(tmp_path: Path) -> None:
    one, other = read(tmp_path, frame(), False, **BOTH), read(tmp_path, frame(), True, **BOTH)
    for part in ("train", "val", "test"):
        assert torch.equal(one.wide_rows(part), other.wide_rows(part))


def test_standardising_by_weights_is_that_of_repeated_rows(tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    x = torch.from_numpy(draw.normal(3, 2, (20, 4)))
    counts = torch.from_numpy(draw.integers(1, 5, 20))
    fitted, plain = Preprocessing(), Preprocessing()
    fitted.fit(lambda: x.split(7), standardizes=True, weight=counts.double())
    plain.fit(lambda: x.repeat_interleave(counts, 0).split(7), standardizes=True)
    for name in ("offset", "scale"):
        torch.testing.assert_close(getattr(fitted, name), getattr(plain, name), rtol=1e-12, atol=1e-12)


def test_what_is_given_comes_back_from_a_checkpoint(tmp_path: Path) -> None:
    data = read(tmp_path, frame(), **BOTH)
    again = Preprocessing.of_plain(data.state_dict(), 3)
    assert again.given == data.preprocessing.given


def test_labels_of_pictures_stay_bytes() -> None:
    data = Digits(given="label")
    data.setup()
    plain = Digits()
    plain.setup()
    assert torch.equal(data.examples("test"), plain.examples("test"))
    np.testing.assert_array_equal(data.wide_rows("val")[:, 64:].argmax(1), data.labels["val"])
    assert data.fingerprint("test") == plain.fingerprint("test")
    assert data.describe()["given"]["columns"] == ["label"]


def changed(column: str, row: int, value: object) -> pd.DataFrame:
    table = frame().astype({"weight": object, "age": object})
    table.loc[row, column] = value
    return table


WRONG: list[tuple[dict[str, Any], Any, str]] = [
    ({"given": ["knd"]}, None, "data.given=knd: did you mean kind?"),
    ({"given": ["kind"]}, None, "columns that are not numeric: kind"),
    ({"given": ["age"], "columns": ["a", "age"]}, None, "data.given=age: also in data.columns; leave it out of one"),
    (
        {"given": ["a", "b", "c", "kind", "age", "weight"], "categorical": ["kind"]},
        None,
        "no column but that of data.g",
    ),
    ({"given": ["age"], "weight": "age"}, None, "data.given=age: also data.weight; leave one of them out"),
    ({"weight": "w"}, None, "data.weight=w: choose from a, b, c"),
    ({"weight": "weight"}, ("weight", 7, -2), "data.weight=weight data=table: -2 in row 7 (counted from 0), 1 such"),
    ({"weight": "weight"}, ("weight", 7, "heavy"), "of column weight is 'heavy'; all others are numbers"),
    ({"weight": "weight"}, ("weight", 7, None), "missing values in weight (1 of 60)"),
    ({"weight": "weight"}, ("weight", slice(None), 0), "all weights are 0, so no row counts"),
    ({"given": ["age"], "missing": "mean"}, ("age", 3, None), "missing values in age (1 of 60)"),
    ({"given": ["age"]}, ("age", slice(None), 40), "age is the same in all training rows, so it tells nothing"),
]


@pytest.mark.parametrize("settings, change, message", WRONG, ids=[message for _, _, message in WRONG])
@pytest.mark.parametrize("streamed", [False, True])
def test_bad_columns_are_refused_in_one_line(
    tmp_path: Path, settings: dict[str, Any], change: Any, message: str, streamed: bool
) -> None:
    table = frame() if change is None else changed(*change)
    if "kind" not in settings.get("given", ()) and "columns" not in settings:
        settings = {"columns": ["a", "b", "c"], **settings}
    if streamed:
        message = message.replace("data=table", "data=streamed_table")
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        read(tmp_path, table, streamed, **settings)
    assert "\n" not in str(caught.value)


def test_a_level_that_training_lacks_is_refused(tmp_path: Path) -> None:
    table = frame()
    first = read(tmp_path, table, given=["kind"], categorical=["kind"], columns=["a", "b", "c"])
    row = int(first.origin("test")["row"][0])
    table.loc[row, "kind"] = "z"
    with pytest.raises(UserError, match=rf"the test part: kind=z in row {row} \(counted from 0\) is no level that a"):
        read(tmp_path, table, given=["kind"], categorical=["kind"], columns=["a", "b", "c"])


def test_arrays_with_weights(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    draw = np.random.default_rng(0)
    x, y, w = draw.normal(size=(40, 5)), draw.integers(0, 3, 40), draw.uniform(0.5, 2, 40)
    np.savez(path, x=x, y=y, w=w)
    data = Arrays(path=str(path), weight="w", given="label")
    data.setup()
    row = data.origin("train")["row"]
    weight = data.weights("train")
    assert weight is not None
    np.testing.assert_allclose(weight, w[row].astype(np.float32))
    np.testing.assert_array_equal(data.wide_rows("train")[:, 5:8].argmax(1), y[row])
    with pytest.raises(UserError, match=r"data\.given=kind data=arrays: what can be given .* is their label"):
        Arrays(path=str(path), given="kind").setup()
    np.savez(path, x=x, w=w[:3])
    with pytest.raises(UserError, match=r"an array of float64 of shape \[3\] for 40 examples"):
        Arrays(path=str(path), weight="w").setup()
    with pytest.raises(UserError, match=r"data\.given=label data=arrays: there are no labels"):
        Arrays(path=str(path), key="x", given="label").setup()
