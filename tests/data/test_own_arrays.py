"""Arrays as people have them: channels last, sparse, in parts, one behind the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from run_files import directory_of
from scipy import sparse
from tiny_runs import compose_tiny

import aelab
from aelab.data.arrays import Arrays
from aelab.errors import UserError
from aelab.fitting.run import run
from aelab.sklearn import Autoencoder
from aelab.trained.coder import examples_of


def read(path: Path, **settings: Any) -> Arrays:
    data = Arrays(path=str(path), **settings)
    data.setup()
    return data


def refused(path: Path, **settings: Any) -> str:
    with pytest.raises(UserError) as caught:
        read(path, **settings)
    return str(caught.value)


@pytest.mark.parametrize("shape", [(12, 12, 3), (12, 9, 1), (8, 8, 4)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_channels_behind_rows_and_columns_are_noticed(tmp_path: Path, shape: tuple[int, ...], dtype: type) -> None:
    x = np.random.default_rng(0).integers(0, 255, (40, *shape)).astype(dtype)
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "x.npz", x=x)
    for name in ("x.npy", "x.npz"):
        assert "use data.channels_last=true" in refused(tmp_path / name)
        assert read(tmp_path / name, channels_last=True).shape == (shape[2], *shape[:2])
    np.save(tmp_path / "x.npy", np.moveaxis(x, -1, 1))
    assert read(tmp_path / "x.npy").shape == (shape[2], *shape[:2])
    if shape[0] == shape[1]:
        assert "leave data.channels_last out" in refused(tmp_path / "x.npy", channels_last=True)
    with pytest.raises(UserError, match="channels come first"):
        Autoencoder(network="conv", shape=shape, hidden=[4], max_epochs=1).fit(x.reshape(40, -1).astype(float))


def test_a_run_takes_channels_where_its_own_array_had_them(tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 255, (40, 8, 6, 3), dtype=np.uint8)
    np.save(tmp_path / "x.npy", x)
    own = ["data=arrays", f"data.path={tmp_path}/x.npy", "data.channels_last=true"]
    config = compose_tiny(tmp_path, *own)
    run(config, [])
    opened = aelab.load_run(directory_of(config))
    np.testing.assert_array_equal(opened.encode(x), opened.encode(np.moveaxis(x, -1, 1)))


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "bsr", "dia"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.bool_])
def test_sparse_matrices(tmp_path: Path, form: str, dtype: type, capsys: pytest.CaptureFixture[str]) -> None:
    x = (sparse.random(60, 20, 0.2, random_state=0).toarray() * 9).astype(dtype)
    sparse.save_npz(tmp_path / "x.NPZ", sparse.coo_matrix(x).asformat(form))
    path = next(tmp_path.glob("x.NPZ*"))
    data = read(path)
    found = np.concatenate([data.examples(part).numpy() for part in ("train", "val", "test")])
    np.testing.assert_allclose(np.sort(found, 0), np.sort(x.astype(np.float32), 0))
    assert "read a sparse matrix of 60 x 20" in capsys.readouterr().out
    assert "a sparse matrix is alone in its file" in refused(path, label="y")
    with np.load(path) as content:
        np.savez(tmp_path / "large.npz", **(dict(content) | {"shape": [10**6, 10**6]}))
        assert "too large to be made dense" in refused(tmp_path / "large.npz")
        if form in ("csr", "csc"):
            odd = dict(content) | {"indices": content["indices"] + 100}
            np.savez(tmp_path / "odd.npz", **odd)
            assert "cannot be read" in refused(tmp_path / "odd.npz")


def test_what_stands_behind_an_array_is_named(tmp_path: Path) -> None:
    with (tmp_path / "two.npy").open("wb") as file:
        np.save(file, np.zeros((20, 3)))
        np.save(file, np.ones((20, 3)))
    assert "behind an array of shape [20, 3] stands a second array" in refused(tmp_path / "two.npy")
    np.save(tmp_path / "x.npy", np.zeros((20, 3)))
    with (tmp_path / "x.npy").open("ab") as file:
        file.write(b"more")
    assert "stands something else" in refused(tmp_path / "x.npy")


@pytest.mark.parametrize(
    "names",
    [("x_train", "x_test", "y_train", "y_test"), ("X_train", "X_test", "y_train", "y_test"),
     ("train_images", "test_images", "train_labels", "test_labels"), ("train_x", "test_x", "train_y", "test_y"),
     ("train", "test", "labels_train", "labels_test")],
)  # fmt: skip
@pytest.mark.parametrize("with_val", [False, True])
def test_parts_of_one_file(tmp_path: Path, names: tuple[str, ...], with_val: bool) -> None:
    x, y = np.random.default_rng(0).normal(size=(90, 4)), np.arange(90) % 3
    cuts = {"train": slice(0, 50), "test": slice(50, 70), "val": slice(70, 90)}
    wanted = (x[cuts["train"]], x[cuts["test"]], y[cuts["train"]], y[cuts["test"]])
    arrays = dict(zip(names, wanted, strict=True))
    if with_val:
        arrays |= {names[1].replace("test", "val"): x[cuts["val"]], names[3].replace("test", "val"): y[cuts["val"]]}
    np.savez(tmp_path / "x.npz", **arrays)
    data = read(tmp_path / "x.npz")
    assert data.size("test") == 20 and data.size("train") == (50 if with_val else 45)
    np.testing.assert_allclose(data.examples("test"), x[50:70], rtol=1e-6)
    assert data.labels["test"].tolist() == y[50:70].tolist()
    if with_val:
        np.testing.assert_allclose(data.examples("val"), x[70:90], rtol=1e-6)
    only = read(tmp_path / "x.npz", one_class=1)
    assert set(only.labels["train"]) == {1} and only.size("test") == 20
    assert read(tmp_path / "x.npz", train_size=7).size("train") == 7
    one = read(tmp_path / "x.npz", key=names[0], label=names[2])
    assert sum(one.size(part) for part in ("train", "val", "test")) == 50


def test_parts_that_do_not_agree(tmp_path: Path) -> None:
    x, y = np.zeros((20, 3)), np.zeros(20)
    for named, said in (
        ({"x_train": x, "x_test": x[:, :2]}, "examples of different shapes"),
        ({"x_train": x, "x_test": x, "y_train": y}, "labels for some parts and none for x_test"),
        ({"x_train": x, "x_test": x, "y_train": y[:9], "y_test": y}, "9 labels for the 20 examples of x_train"),
        ({"x_train": x, "X_train": x, "x_test": x}, "x_train, X_train would both be of the train part"),
        ({"x_train": x, "y_train": y, "y_test": y}, "y_test has no examples beside it"),
        ({"a": x, "b": x}, "name one with data.key"),
    ):
        np.savez(tmp_path / "x.npz", **named)
        assert said in refused(tmp_path / "x.npz")


def test_parts_in_an_evaluation(tmp_path: Path) -> None:
    draw = np.random.default_rng(0).normal(size=(60, 4))
    np.savez(tmp_path / "x.npz", x_train=draw[:40], x_test=draw[40:])
    config = compose_tiny(tmp_path, "data=arrays", f"data.path={tmp_path}/x.npz", "data.standardize=true")
    run(config, [])
    seen = examples_of(aelab.load_run(directory_of(config)))
    opened = aelab.load_run(directory_of(config))
    np.testing.assert_allclose(seen.test.x, opened.preprocessing(opened_tensor(draw[40:])), rtol=1e-6)


def opened_tensor(x: np.ndarray) -> Any:
    import torch

    return torch.from_numpy(x)


def test_labels_in_bytes_are_text(tmp_path: Path) -> None:
    x = np.zeros((30, 3))
    for encoding, name in (("utf-8", "größe"), ("latin-1", "größe"), ("utf-8", "good")):
        labels = np.array([name.encode(encoding), b"bad"] * 15)
        np.savez(tmp_path / "x.npz", x=x, y=labels)
        data = read(tmp_path / "x.npz", one_class=name)
        assert set(data.labels["train"]) == {name} and set(data.labels["test"]) == {name, "bad"}


def test_files_in_capitals_and_of_other_kinds(tmp_path: Path) -> None:
    with (tmp_path / "X.NPY").open("wb") as file:
        np.save(file, np.random.default_rng(0).normal(size=(20, 3)))
    assert read(tmp_path / "X.NPY").shape == (3,)
    for name, said in (("x.csv", "data=table reads it"), ("x.mat", "np.save"), ("folder", "data=image_folder")):
        (tmp_path / name).mkdir() if name == "folder" else (tmp_path / name).write_text("")
        assert said in refused(tmp_path / name)


def test_values_that_tell_nothing_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    x = np.random.default_rng(0).normal(size=(60, 8))
    x[:, 0] += 1.7e9
    x[:, 2] = 3
    np.save(tmp_path / "x.npy", x)
    read(tmp_path / "x.npy")
    said = capsys.readouterr().out
    assert "value 0: float32 has steps of 128 there" in said and "value 2 is the same in every training example" in said
    read(tmp_path / "x.npy", standardize=True)
    assert "float32" not in capsys.readouterr().out
    np.save(tmp_path / "x.npy", x[:, 3:])
    read(tmp_path / "x.npy")
    assert not capsys.readouterr().out
