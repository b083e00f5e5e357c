"""One preprocessing: training, streaming, runs, exports, scikit-learn and evaluations apply the same object."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from run_files import directory_of
from tiny_runs import compose_tiny

import aelab
from aelab.building.build import build_data
from aelab.data.extent import extent_of
from aelab.data.module import DataModule
from aelab.data.preprocessing import Preprocessing
from aelab.data.source import Source
from aelab.data.tables.categories import category, category_names
from aelab.data.tables.columns import Column, Columns, fit_columns, recorded_columns
from aelab.errors import UserError
from aelab.fitting.run import run
from aelab.runs.checkpoints import load_checkpoint
from aelab.trained.coder import examples_of
from aelab.trained.export import export

KINDS = ("table", "streamed_table")


def seconds(folder: Path) -> tuple[np.ndarray, Path]:
    """Seconds since 1970 beside a small number: float32 has steps of 128 s there."""
    x = np.stack([1.7e9 + np.arange(200), np.random.default_rng(0).normal(size=200)], 1)
    pd.DataFrame(x, columns=["t", "w"]).to_csv(folder / "x.csv", index=False)
    np.save(folder / "x.npy", x)
    return x, folder


def trained(folder: Path, kind: str, path: str, *more: str) -> Any:
    own = [f"data={kind}", f"data.path={folder}/{path}", "data.standardize=true", *more]
    config = compose_tiny(folder, *own, *([f"data.cache={folder}/rows"] if kind == "streamed_table" else []))
    run(config, [])
    return config


@pytest.mark.parametrize("kind", [*KINDS, "arrays"])
def test_large_offsets_keep_their_digits_everywhere(tmp_path: Path, kind: str) -> None:
    x, _ = seconds(tmp_path)
    config = trained(tmp_path, kind, "x.npy" if kind == "arrays" else "x.csv")
    data = build_data(config)
    train = data.preprocessing.restore(data.examples("train"))[:, 0].round().numpy() - 1.7e9
    exact = (x - x[train.astype(int)].mean(0)) / x[train.astype(int)].std(0)
    np.testing.assert_allclose(data.examples("train"), exact[train.astype(int)], rtol=1e-6, atol=1e-6)
    opened = aelab.load_run(directory_of(config))
    rows = pd.DataFrame(x, columns=["t", "w"]) if kind != "arrays" else x
    wanted = opened.model.encode(torch.from_numpy(exact).float()).detach().numpy()
    np.testing.assert_allclose(opened.encode(rows), wanted, rtol=1e-5, atol=1e-6)
    assert len(np.unique(opened.encode(x)[:, 0])) == 200
    seen = examples_of(aelab.load_run(directory_of(config)))
    np.testing.assert_array_equal(seen.train.x, data.examples("train"))
    line = export(opened, "torch_export", "encoder", tmp_path / "e.pt2")
    assert "float64 [N, 2]" in line
    module: Any = torch.export.load(tmp_path / "e.pt2").module()
    np.testing.assert_allclose(module(torch.from_numpy(x)).detach(), wanted, rtol=1e-5, atol=1e-6)


def test_an_onnx_file_of_large_offsets_takes_double_precision(tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    x, _ = seconds(tmp_path)
    opened = aelab.load_run(directory_of(trained(tmp_path, "table", "x.csv")))
    export(opened, "onnx", "autoencoder", tmp_path / "a.onnx")
    session = runtime.InferenceSession(tmp_path / "a.onnx", providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].type == "tensor(double)"
    [found] = session.run(None, {"x": x})
    np.testing.assert_allclose(found, opened.reconstruct(x), rtol=1e-6)


def test_scikit_learn_keeps_the_digits_too(tmp_path: Path) -> None:
    from aelab.sklearn import Autoencoder

    x, _ = seconds(tmp_path)
    estimator = Autoencoder(code_size=1, hidden=[4], max_epochs=2, random_state=0).fit(x)
    shifted = Autoencoder(code_size=1, hidden=[4], max_epochs=2, random_state=0).fit(x - [1.7e9, 0])
    np.testing.assert_allclose(estimator.transform(x), shifted.transform(x - [1.7e9, 0]), rtol=1e-5, atol=1e-6)


# --- categories ---


def grades(folder: Path) -> pd.DataFrame:
    """Whole numbers with a gap: read whole they are floats, in part they are whole numbers."""
    draw = np.random.default_rng(1)
    grade = draw.integers(1, 4, 300).astype(float)
    frame = pd.DataFrame({"u": grade + 0.1 * draw.normal(size=300), "w": -grade, "grade": grade})
    frame["grade"] = frame["grade"].astype("Int64")
    frame.loc[17, "grade"] = pd.NA
    frame.to_csv(folder / "grades.csv", index=False)
    return pd.read_csv(folder / "grades.csv")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("missing", ["mean", "indicator"])
def test_scores_do_not_depend_on_the_rows_that_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, missing: str
) -> None:
    monkeypatch.setattr("aelab.data.streamed_table.CHUNK", 16 * 3 * 4)  # 8 rows
    whole = grades(tmp_path)
    config = trained(tmp_path, kind, "grades.csv", "data.categorical=[grade]", f"data.missing={missing}")
    opened = aelab.load_run(directory_of(config))
    flag = ["grade missing"] if missing == "indicator" else []
    assert opened.manifest["data"]["columns"] == ["u", "w", "grade=1", "grade=2", "grade=3", *flag]
    scores = opened.anomaly_score(whole)
    part = whole.iloc[:5].astype({"grade": int})
    for rows in (part, part.astype({"grade": str}), part.astype({"grade": float}), part.astype({"grade": object})):
        np.testing.assert_allclose(opened.anomaly_score(rows), scores[:5], rtol=1e-6)
    alike = [build_data(compose_tiny(tmp_path, f"data={other}", f"data.path={tmp_path}/grades.csv", *(
        ["data.categorical=[grade]", f"data.missing={missing}"]
        + ([f"data.cache={tmp_path}/rows2"] if other == "streamed_table" else [])
    ))).examples("test") for other in KINDS]  # fmt: skip
    torch.testing.assert_close(*alike, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    "same",
    [(1, 1.0, True, "1", "1.0", "True", "TRUE", "+1", "1e0"), (0, False, "false", "-0.0", 0.0), (1.5, "1.50", "15e-1"),
     ("007",), (7, "7", "7.0"), ("a",), (" a",), (10**20, "100000000000000000000")],
)  # fmt: skip
def test_one_name_for_a_category(same: tuple[Any, ...]) -> None:
    names = {category(value) for value in same}
    assert len(names) == 1
    others = {category(value) for value in ("007", 7, "a", " a", 1.5, 1, 0, 10**20)} - names
    assert len(others) == 7
    column = pd.Series([*same, None], dtype=object)
    assert set(category_names(column)) == names | {None}


def test_a_category_that_nobody_knows_is_named(tmp_path: Path) -> None:
    columns = fit_columns([pd.DataFrame({"k": ["a", "b", "a"]})], ["k"], {"k"}, False)
    with pytest.warns(UserWarning, match=r"column k: c is no category that the run knows \(a, b\)"):
        assert columns.values(pd.DataFrame({"k": ["c", "a"]})).tolist() == [[0, 0], [1, 0]]
    with pytest.raises(UserError, match=r"column k: none of its categories \(1, 2\) is known; the run knows a, b"):
        columns.values(pd.DataFrame({"k": [1, 2]}))
    with pytest.raises(UserError, match=r"column v: not numeric \('\?'\), which it was in training"):
        Columns([Column("v")]).values(pd.DataFrame({"v": ["1", "?"]}))


def test_an_equals_sign_in_the_name_of_a_column(tmp_path: Path) -> None:
    draw = np.random.default_rng(0).normal(size=(60, 2))
    frame = pd.DataFrame({"p=0.05": np.where(draw[:, 0] > 0, "yes", "no"), "v": draw[:, 1]})
    frame.to_csv(tmp_path / "e.csv", index=False)
    config = trained(tmp_path, "table", "e.csv", "data.categorical=['p=0.05']")
    opened = aelab.load_run(directory_of(config))
    assert opened.encode(frame).shape == (60, 4)
    names = ["p=0.05=no", "p=0.05=yes", "v"]
    assert opened.manifest["data"]["columns"] == names and recorded_columns(names, frame).names == names


def test_names_of_an_earlier_version_are_understood() -> None:
    names = ["age", "age missing", "kind=a", "kind=1.0", "kind missing", "x=y"]
    frame = pd.DataFrame({"age": [1.0, np.nan], "kind": ["a", None], "x=y": [3, 4]})
    columns = recorded_columns(names, frame)
    assert columns == (Column("age", None, True), Column("kind", ("a", "1"), True), Column("x=y"))
    np.testing.assert_array_equal(columns.values(frame), [[1, 0, 1, 0, 0, 3], [np.nan, 1, np.nan, np.nan, 1, 4]])


# --- kinds of values ---


class Counts(DataModule):
    """Somebody's own table of small whole numbers."""

    def read(self) -> Source:
        return Source(np.random.default_rng(0).integers(0, 9, (50, 3)).astype(np.uint8))


def test_bytes_of_a_table_are_numbers_and_bytes_of_images_are_pixels() -> None:
    data = Counts()
    data.setup()
    assert data.preprocessing.kind == "numbers" and data.examples("train").max() == 8
    assert Source(np.zeros((2, 1, 3, 3), np.uint8)).declared == "pixels"
    assert Source(np.zeros((2, 3), np.uint8), kind="pixels").declared == "pixels"


def test_whole_numbers_are_not_taken_for_pixels(tmp_path: Path) -> None:
    config = compose_tiny(tmp_path)
    run(config, [])
    opened = aelab.load_run(directory_of(config))
    x = np.random.default_rng(0).integers(0, 256, (4, 1, 8, 8))
    np.testing.assert_allclose(opened.encode(x.astype(np.uint8)), opened.encode(x / 255), rtol=1e-4, atol=1e-6)
    with pytest.raises(UserError, match=r"pixels as torch.int64 up to \d+, which may mean anything; give 0..255 as"):
        opened.encode(x)


def test_new_training_sets_are_standardised_as_the_rest_is(tmp_path: Path) -> None:
    config = compose_tiny(tmp_path, "data=subspace", "+data.standardize=true", "data.train_examples=200")
    data = build_data(config)
    data.generate_training_sets([1, 2])
    fresh = data.preprocessing(torch.cat([data.generate(data.size("train"), seed) for seed in (1, 2)]))
    assert torch.equal(data.values["fresh"], fresh) and abs(float(fresh.std()) - 1) < 0.2


# --- fitting, against closed forms ---


@pytest.mark.parametrize("chunk", [1, 7, 100])
def test_fit_is_the_mean_and_deviation_of_what_is_there(chunk: int) -> None:
    draw = np.random.default_rng(0)
    x = draw.normal(1e9, 3, (100, 4))
    x[:, 3] = 0.1
    x[draw.random((100, 4)) < 0.2] = np.nan
    found = Preprocessing()
    found.fit(lambda: torch.from_numpy(x).split(chunk), fills=True, standardizes=True)
    mean = np.nanmean(x, 0)
    filled = np.where(np.isnan(x), mean, x)
    np.testing.assert_allclose(found.fill, mean, rtol=1e-14)
    np.testing.assert_allclose(found.scale[:3], filled.std(0)[:3], rtol=1e-6)  # type: ignore[index]
    assert found.scale[3] == 1  # type: ignore[index]
    exact = found.exactly(torch.from_numpy(x))
    np.testing.assert_allclose(exact[:, :3], ((filled - mean) / filled.std(0))[:, :3], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found.restore(exact), filled, rtol=1e-14)
    again = Preprocessing.of_plain(found.plain(), 4)
    assert torch.equal(again(torch.from_numpy(x)), found(torch.from_numpy(x)))


@pytest.mark.parametrize("chunk", [1, 7, 100])
def test_extent_is_that_of_all_chunks_together(chunk: int) -> None:
    draw = np.random.default_rng(3)
    x = draw.normal(0, 5, (100, 3))
    x[draw.random((100, 3)) < 0.3] = np.nan
    found = extent_of(torch.from_numpy(x).split(chunk))
    np.testing.assert_array_equal(found.low, np.nanmin(x, 0))
    np.testing.assert_array_equal(found.high, np.nanmax(x, 0))
    np.testing.assert_allclose(found.total, np.nansum(x, 0), rtol=1e-13)
    np.testing.assert_array_equal(found.known, (~np.isnan(x)).sum(0))


@pytest.mark.parametrize(
    "change", [{"kind": "pictures"}, {"raw": "int8"}, {"offset": None}, {"scale": torch.ones(3)}, {"fill": [1, 2]},
               {"columns": [["a", None, False]]}, {"columns": 3}, {"offset": torch.tensor([torch.nan, 1])}],
)  # fmt: skip
def test_what_a_checkpoint_cannot_hold_is_refused(change: dict[str, Any]) -> None:
    plain = {"kind": "numbers", "raw": "float64", "offset": torch.zeros(2), "scale": torch.ones(2)}
    Preprocessing.of_plain(plain, 2)
    with pytest.raises((TypeError, ValueError, UserError)):
        Preprocessing.of_plain(plain | change, 2)


# --- runs of earlier versions ---


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_rounded_first_is_opened_and_evaluated_as_it_was_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    x = np.random.default_rng(0).normal([5, 0.1], [1, 3], (120, 2))
    x[::9, 1] = np.nan
    pd.DataFrame(x, columns=["a", "b"]).to_csv(tmp_path / "x.csv", index=False)
    defaults = Preprocessing.__init__.__defaults__
    monkeypatch.setattr(Preprocessing.__init__, "__defaults__", (*defaults[:2], "float32", *defaults[3:]))
    config = trained(tmp_path, kind, "x.csv", "data.missing=mean")
    monkeypatch.undo()
    best = directory_of(config) / "checkpoints" / "best.ckpt"
    checkpoint = load_checkpoint(best)
    name = "Table" if kind == "table" else "StreamedTable"
    now = aelab.load_run(directory_of(config))
    checkpoint[name] = {"mean": now.preprocessing.offset, "scale": now.preprocessing.scale}  # as it was kept
    torch.save(checkpoint, best)
    opened = aelab.load_run(directory_of(config))
    assert opened.preprocessing.raw == "float32" and opened.preprocessing.kind == "numbers"
    np.testing.assert_array_equal(opened.encode(x), now.encode(x))
    examples_of(aelab.load_run(directory_of(config)))  # which holds the data against their fingerprints
