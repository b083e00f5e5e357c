"""New arrays and pictures are scored as a run scores them in memory, whatever they lie in."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from run_files import directory_of
from scipy import sparse
from tiny_runs import compose_tiny

import aelab
from aelab.data.files.images import decode
from aelab.data.files.row_pieces import row_pieces
from aelab.errors import UserError
from aelab.fitting.run import run
from aelab.trained.code_file import write_codes
from aelab.trained.run import Run
from aelab.trained.score import score


@pytest.fixture(scope="module")
def arrays(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("arrays")
    np.save(folder / "x.npy", np.random.default_rng(0).normal(size=(80, 6)))
    config = compose_tiny(folder, "data=arrays", f"data.path={folder}/x.npy", "data.batch_size=16")
    run(config, [])
    return aelab.load_run(directory_of(config))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("pictures")
    draw(folder / "own", 12, 0)
    config = compose_tiny(
        folder, "data=image_folder", f"data.path={folder}/own", "data.image_size=8", "data.num_workers=0",
        "data.batch_size=4", "data.pages=all", "trainer.max_epochs=1",
    )  # fmt: skip
    run(config, [])
    return aelab.load_run(directory_of(config))


def draw(folder: Path, count: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    for index in range(count):
        Image.fromarray(random.integers(0, 256, (9, 11, 3), dtype=np.uint8)).save(folder / f"{index:02d}.png")


def new(rows: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, 6))


def scored(trained: Run, path: Path, **settings: Any) -> tuple[pd.DataFrame, str]:
    output = settings.pop("output", path.parent / "scores.parquet")
    lines = score(trained, path, output, force=True, **settings)
    return pd.read_parquet(output), "\n".join(lines)


@pytest.mark.parametrize(
    "kind", ["npy", "fortran", "npz", "packed", "parts", "sparse", "float32", ">f8", "uint16", "two_dimensional"]
)
def test_arrays_of_all_kinds(arrays: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr("aelab.trained.unseen.arrays.CHUNK", 8 * 6 * 7)
    x = new(40)
    path = tmp_path / (
        "new.npy" if kind in ("npy", "fortran", "float32", ">f8", "uint16", "two_dimensional") else "new.npz"
    )
    if kind == "sparse":
        x[x < 0.5] = 0
        sparse.save_npz(path, sparse.csr_matrix(x))
    elif kind == "parts":
        np.savez(path, x_train=x[:25], x_test=x[25:], y_train=np.zeros(25), y_test=np.zeros(15))
    elif kind in ("npz", "packed"):
        (np.savez if kind == "npz" else np.savez_compressed)(path, x=x, y=np.arange(40), more=np.arange(3))
    else:
        x = np.abs(x * 3).round() if kind == "uint16" else x
        x = x.astype(kind) if kind in ("float32", ">f8", "uint16") else x
        stored = x.reshape(40, 2, 3) if kind == "two_dimensional" else np.asfortranarray(x) if kind == "fortran" else x
        np.save(path, stored)
    if kind == "two_dimensional":
        with pytest.raises(UserError, match=r"takes examples of shape \[6\] or 6 values"):
            scored(arrays, path)
        assert os.listdir(tmp_path) == ["new.npy"]
        return
    found, said = scored(arrays, path, codes=True)
    x = x.astype(np.float64)
    np.testing.assert_allclose(found["anomaly_score"], arrays.anomaly_score(x), rtol=1e-6)
    np.testing.assert_allclose(found.filter(like="code_"), arrays.encode(x), rtol=1e-5, atol=1e-6)
    assert found["row"].tolist() == ([*range(25), *range(15)] if kind == "parts" else list(range(40)))
    assert ("array" in found) == (kind == "parts") and ("not looked at" in said) == (kind in ("parts", "npz", "packed"))
    errors = np.square(arrays.reconstruct(x) - x)
    assert found["column_1"].tolist() == [str(place) for place in errors.argmax(1)]


def test_arrays_that_are_none(arrays: Run, tmp_path: Path) -> None:
    path = tmp_path / "new.npy"
    np.save(path, new(10))
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(UserError, match=r"^path=.*new\.npy: cannot be read \(it ends before its last example\)"):
        scored(arrays, path)
    with path.open("wb") as file:
        np.save(file, new(3)), np.save(file, new(3))
    with pytest.raises(UserError, match=r"^path=.*behind an array of shape \[3, 6\] stands a second array"):
        scored(arrays, path)
    np.save(path, np.array([{}]), allow_pickle=True)
    with pytest.raises(UserError, match="Python objects, which are not loaded"):
        scored(arrays, path)
    np.save(path, new(0))
    with pytest.raises(UserError, match="no examples in it"):
        scored(arrays, path)
    np.savez(tmp_path / "two.npz", a=new(3), b=new(3))
    with pytest.raises(UserError, match=r"data\.key: .* holds a, b; name one with data\.key"):
        scored(arrays, tmp_path / "two.npz")
    found, _ = scored(arrays, tmp_path / "two.npz", typed={"key": "b"})
    assert len(found) == 3
    (tmp_path / "t.csv").write_text("a\n1\n")
    with pytest.raises(UserError, match=r"trained on data=arrays, without names of columns; save arrays as"):
        scored(arrays, tmp_path / "t.csv")


def test_pieces_of_an_array_are_the_array(tmp_path: Path) -> None:
    for x, sizes in (
        (np.arange(24.0).reshape(6, 2, 2), [2, 2, 2]),
        (np.arange(10, dtype=np.uint8), [8, 2]),
        (np.array(np.float32(3.5)), [1]),
        (np.arange(9.0).reshape(3, 3), [2, 1]),
    ):
        for stored in (x, np.asfortranarray(x)):
            np.save(tmp_path / "x.npy", stored)
            pieces = list(row_pieces(tmp_path / "x.npy", None, 64))
            np.testing.assert_array_equal(np.concatenate(pieces), np.atleast_1d(x))
            assert [len(piece) for piece in pieces] == sizes and {piece.dtype for piece in pieces} == {x.dtype}
    with zipfile.ZipFile(tmp_path / "bad.npz", "w") as archive:
        archive.writestr("x.npy", b"no array")
    with pytest.raises(UserError, match="cannot be read"):
        list(row_pieces(tmp_path / "bad.npz", "x", 64))


def test_pictures_are_scored_by_file(pictures: Run, tmp_path: Path) -> None:
    draw(tmp_path / "new" / "deep", 3, 1)
    draw(tmp_path / "new" / "train", 2, 2)
    draw(tmp_path / "new" / "test", 2, 3)
    (tmp_path / "new" / "notes.txt").write_text("")
    frames = [Image.open(tmp_path / "new" / "deep" / f"0{index}.png") for index in range(3)]
    frames[0].save(tmp_path / "new" / "pages.tif", save_all=True, append_images=frames[1:])
    found, said = scored(pictures, tmp_path / "new")
    assert "1 file not read as pictures: 1 .txt" in said and "parts as" not in said and "beside the parts" not in said
    files = ["deep/00.png", "deep/01.png", "deep/02.png", *["pages.tif"] * 3, "test/00.png", "test/01.png",
             "train/00.png", "train/01.png"]  # fmt: skip
    assert found["file"].tolist() == files and found["page"].tolist() == [0, 0, 0, 0, 1, 2, 0, 0, 0, 0]
    x = np.stack([decode(str(tmp_path / "new" / file), 8, False) for file in files])
    x[4:6] = x[1:3]
    np.testing.assert_allclose(found["anomaly_score"], pictures.anomaly_score(x), rtol=1e-6)
    assert list(found) == ["file", "page", "anomaly_score"], "pixels are no columns"
    with pytest.raises(UserError, match="in the folder of the data, of which it would be a part"):
        score(pictures, tmp_path / "new", tmp_path / "new" / "scores.csv")
    one, _ = scored(pictures, tmp_path / "new" / "deep" / "01.png", contributors=1, output=tmp_path / "one.parquet")
    assert one["file"].tolist() == ["01.png"] and one["anomaly_score"][0] == pytest.approx(found["anomaly_score"][1])
    np.save(tmp_path / "x.npy", x)
    array, _ = scored(pictures, tmp_path / "x.npy")
    np.testing.assert_allclose(array["anomaly_score"], found["anomaly_score"], rtol=1e-6)


def test_pictures_that_are_none(pictures: Run, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "a.txt").write_text("")
    with pytest.raises(UserError, match=r"no pictures in it; name a folder of pictures \(left out 1 file"):
        scored(pictures, tmp_path / "new")
    with pytest.raises(UserError, match="no picture, and the run was trained on data=image_folder"):
        scored(pictures, tmp_path / "new" / "a.txt")
    (tmp_path / "new" / "a.png").write_text("no")
    with pytest.raises(UserError, match=r"a\.png: not a readable image"):
        scored(pictures, tmp_path / "new")
    assert not list(tmp_path.glob("*.parquet")) + list(tmp_path.glob(".*"))


def test_codes_of_pictures_name_their_files(pictures: Run, tmp_path: Path) -> None:
    line = write_codes(pictures, tmp_path / "codes.csv")
    found = pd.read_csv(tmp_path / "codes.csv")
    assert "joined by file and page to " in line and sorted(found["file"]) == [
        f"{index:02d}.png" for index in range(12)
    ]
    folder = Path(pictures.manifest["data"]["path"])
    x = np.stack([decode(str(folder / file), 8, False) for file in found["file"]])
    many = np.concatenate([x] * 3)
    np.testing.assert_array_equal(found.filter(like="code_").to_numpy(np.float32), pictures.encode(many)[: len(x)])


def test_a_run_of_an_earlier_version_is_scored(arrays: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose manifest lacks what was recorded later."""
    manifest = json.loads(json.dumps(arrays.manifest))
    manifest["config"]["data"].pop("key")
    monkeypatch.setattr(arrays, "manifest", manifest)
    np.save(tmp_path / "new.npy", new(5))
    assert len(scored(arrays, tmp_path / "new.npy")[0]) == 5
