"""Every example knows the row of the user's file, or the picture, that it is: in memory and streamed alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from customers import customers, written
from data_sets import ready
from PIL import Image

from aelab.data.module import PARTS, DataModule
from aelab.errors import UserError


def together(data: DataModule, name: str) -> np.ndarray:
    return np.concatenate([data.origin(part)[name] for part in PARTS])


@pytest.mark.parametrize("missing", ["drop", "mean"])
@pytest.mark.parametrize("name", ["c.csv", "c.parquet", "c.xlsx"])
def test_rows_are_those_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, missing: str) -> None:
    if name.endswith("xlsx"):
        pytest.importorskip("openpyxl")
    monkeypatch.setattr("aelab.data.streamed_table.CHUNK", 400)  # some 10 rows
    frame = customers(90)
    settings: dict[str, Any] = {
        "path": str(written(tmp_path, frame, name)), "id": "customer", "label": "state", "categorical": ["kind"],
        "missing": missing, "standardize": False, "train_size": 30,
    }  # fmt: skip
    whole, streamed = (ready(kind, tmp_path, **settings) for kind in ("table", "streamed_table"))
    for part in PARTS:
        mine, theirs = whole.origin(part), streamed.origin(part)
        assert list(mine) == list(theirs) == ["row", "id"]
        for key in mine:
            np.testing.assert_array_equal(mine[key], theirs[key])
        rows = frame.iloc[mine["row"]]
        assert rows["customer"].tolist() == mine["id"].tolist() and rows["state"].tolist() == list(whole.labels[part])
        seen = whole.examples(part).numpy()[:, whole.preprocessing.columns.names.index("seen")]  # type: ignore[union-attr]
        np.testing.assert_array_equal(seen, rows["seen"].to_numpy(np.float32))
        if missing == "drop":
            assert rows.notna().all(axis=None)
    found = together(whole, "row")
    assert len(set(found)) == len(found) < len(frame)


def test_rows_that_are_left_out_of_a_file_do_not_count(tmp_path: Path) -> None:
    """As pandas counts them: neither empty lines nor comments, and the parts of a folder one behind the other."""
    (tmp_path / "c.csv").write_text("a,b\n\n1,1\n# no row\n2,2\n\n3,3\n4,4\n5,5\n")
    data = ready("table", tmp_path, path=str(tmp_path / "c.csv"), comment="#", standardize=False)
    own = pd.read_csv(tmp_path / "c.csv", comment="#")
    for part in PARTS:
        np.testing.assert_array_equal(data.examples(part), own.iloc[data.origin(part)["row"]])
    folder = tmp_path / "parts"
    folder.mkdir()
    for index in range(3):
        pd.DataFrame({"a": np.arange(4.0) + 10 * index}).to_parquet(folder / f"part-{index}.parquet")
    for kind in ("table", "streamed_table"):
        data = ready(kind, tmp_path, path=str(folder), standardize=False)
        one = pd.read_parquet(folder)["a"].to_numpy()
        for part in PARTS:
            np.testing.assert_array_equal(data.examples(part)[:, 0], one[data.origin(part)["row"]])


def test_blank_rows_of_excel_count(tmp_path: Path) -> None:
    pytest.importorskip("openpyxl")
    path = tmp_path / "c.xlsx"
    pd.DataFrame({"a": [1.0, None, 2, 3, None, 4]}).to_excel(path, index=False)
    data = ready("table", tmp_path, path=str(path), standardize=False)
    own = pd.read_excel(path)["a"].to_numpy()
    for part in PARTS:
        np.testing.assert_array_equal(data.examples(part)[:, 0], own[data.origin(part)["row"]])


@pytest.mark.parametrize("kind", ["table", "streamed_table"])
def test_ids_that_repeat_or_lack_are_said(tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    frame = pd.DataFrame({"key": ["007", "7", None, "7", "8", ""], "a": np.arange(6.0)})
    frame.to_csv(tmp_path / "c.csv", index=False)
    data = ready(kind, tmp_path, path=str(tmp_path / "c.csv"), id="key")
    assert sorted(together(data, "id")) == ["", "", "007", "7", "7", "8"], "text as it is written"
    assert data.preprocessing.columns.names == ["a"], "no input"  # type: ignore[union-attr]
    said = capsys.readouterr().out
    assert "data.id=key: 2 rows have none and 1 of its values stand in several rows, such as 7" in said
    frame.assign(key=np.arange(6) * 5).to_csv(tmp_path / "d.csv", index=False)
    data = ready(kind, tmp_path, path=str(tmp_path / "d.csv"), id="key")
    assert together(data, "id").dtype == np.int64 and "data.id" not in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["table", "streamed_table"])
@pytest.mark.parametrize(
    "settings, message",
    [
        ({"id": "custmer"}, "data.id=custmer: did you mean customer"),
        ({"id": "state", "label": "state"}, "data.id=state: also data.label"),
        ({"id": "age", "columns": ["age", "seen"]}, "data.id=age: also in data.columns"),
        ({"id": "customer", "categorical": ["customer", "kind"]}, "data.categorical=customer"),
    ],
)
def test_an_id_is_nothing_else(tmp_path: Path, kind: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        ready(kind, tmp_path, path=str(written(tmp_path)), **settings)


def test_rows_of_a_cache_that_does_not_know_them(tmp_path: Path) -> None:
    frame = customers(40)[["age", "seen"]]
    settings: dict[str, Any] = {"path": str(written(tmp_path, frame)), "missing": "drop"}
    ready("streamed_table", tmp_path, **settings)
    [rows] = tmp_path.rglob("*.row.npy")
    rows.unlink()
    again = ready("streamed_table", tmp_path, **settings)
    with pytest.raises(UserError, match="of an earlier version and does not tell which rows"):
        again.origin("train")


def test_arrays_know_their_array_and_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    x = np.random.default_rng(0).normal(size=(30, 3))
    np.savez(tmp_path / "parts.npz", x_train=x[:20], x_test=x[20:])
    data = ready("arrays", tmp_path, path=str(tmp_path / "parts.npz"))
    for part in PARTS:
        origin = data.origin(part)
        assert set(origin["array"]) == {"x_test" if part == "test" else "x_train"}
        own = x[20:] if part == "test" else x[:20]
        np.testing.assert_array_equal(data.examples(part), own[origin["row"]].astype(np.float32))
    np.save(tmp_path / "x.npy", x)
    data = ready("arrays", tmp_path, path=str(tmp_path / "x.npy"))
    assert sorted(together(data, "row")) == list(range(30))
    capsys.readouterr()


def test_an_array_called_part_divides_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    x = np.arange(40.0).reshape(20, 2)
    parts = np.repeat(PARTS, (12, 3, 5))
    np.savez(tmp_path / "codes.npz", x=x, part=parts)
    data = ready("arrays", tmp_path, path=str(tmp_path / "codes.npz"))
    for part in PARTS:
        np.testing.assert_array_equal(data.examples(part), x[parts == part])
    assert "parts as the array part of codes.npz says: train 12, val 3, test 5" in capsys.readouterr().out
    np.savez(tmp_path / "other.npz", x=x, part=np.arange(20))
    assert ready("arrays", tmp_path, path=str(tmp_path / "other.npz")).size("train") == 14
    assert "left out the array part of other.npz: it does not say train, val or test" in capsys.readouterr().out
    np.savez(tmp_path / "label.npz", x=x, part=parts)
    data = ready("arrays", tmp_path, path=str(tmp_path / "label.npz"), label="part")
    assert data.size("train") == 14 and set(data.labels["train"]) <= set(PARTS)


def test_pictures_know_their_file_and_page(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    pictures = [Image.fromarray(random.integers(0, 256, (8, 8), dtype=np.uint8)) for _ in range(8)]
    folder = tmp_path / "pictures"
    (folder / "deep").mkdir(parents=True)
    for index, picture in enumerate(pictures[:5]):
        picture.save(folder / ("deep" if index % 2 else ".") / f"{index}.png")
    data = ready("image_folder", tmp_path, path=str(folder), image_size=8, num_workers=0, grayscale=True)
    assert sorted(together(data, "file")) == ["0.png", "2.png", "4.png", "deep/1.png", "deep/3.png"]
    assert "page" not in data.origin("train")
    pictures[5].save(folder / "several.tif", save_all=True, append_images=pictures[6:])
    settings: dict[str, Any] = {"path": str(folder), "image_size": 8, "num_workers": 0, "grayscale": True}
    data = ready("image_folder", tmp_path, pages="all", **settings)
    found = sorted(zip(together(data, "file").tolist(), together(data, "page").tolist(), strict=True))
    assert found[-3:] == [("several.tif", 0), ("several.tif", 1), ("several.tif", 2)] and len(found) == 8
    one = {
        (f, p): x for part in PARTS for f, p, x in zip(*data.origin(part).values(), data.examples(part), strict=True)
    }
    np.testing.assert_allclose(one["several.tif", 2].reshape(8, 8), np.asarray(pictures[7]) / 255, atol=1e-6)
