"""Windows of signals: cut exactly, split by time without a leak, and refused in one line where they cannot be meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from aelab.data.module import PARTS
from aelab.data.windows import Windows
from aelab.errors import UserError
from aelab.evaluation.measures.timeline import Stretch, Timeline, cut, starts


def signal(points: int = 200, channels: int = 2, seed: int = 0) -> pd.DataFrame:
    values = np.random.default_rng(seed).normal(3, 2, (points, channels))
    return pd.DataFrame(values, columns=[f"c{i}" for i in range(channels)])


def saved(path: Path, frame: pd.DataFrame) -> str:
    frame.to_csv(path, index=False)
    return str(path)


def read(path: str, **settings: Any) -> Windows:
    data = Windows(**{"path": path, "window": 8, "standardize": True, "label": None} | settings)
    data.setup()
    return data


@pytest.mark.parametrize("points, window, stride", [(20, 5, 1), (20, 5, 3), (21, 5, 5), (5, 5, 2), (23, 2, 2)])
def test_windows_are_the_series_again(points: int, window: int, stride: int) -> None:
    values = np.random.default_rng(0).normal(size=(points, 3))
    x = cut(values, window, stride)
    begin = starts(points, window, stride)
    assert x.shape == (len(begin), 3, window) and begin[-1] == points - window
    for place, first in enumerate(begin):
        assert (x[place] == values[first : first + window].T).all()
    timeline = Timeline((Stretch("a", 0, points),), begin, window, ("a", "b", "c"))
    assert (timeline.series(x.reshape(len(x), -1)) == values).all()


def test_points_get_the_mean_over_all_windows_that_cover_them() -> None:
    """Against a loop over points, windows and stretches; what is NaN is left out."""
    draw = np.random.default_rng(1)
    window, lengths = 4, (9, 6)
    begin = np.concatenate([starts(9, 4, 2), 9 + starts(6, 4, 2)])
    timeline = Timeline(tuple(Stretch(str(n), 0, n) for n in lengths), begin, window, ("a",))
    values = draw.normal(size=(len(begin), window))
    values[0, 3] = np.nan
    for point, found in enumerate(timeline.over_points(values)):
        covering = [values[i, point - first] for i, first in enumerate(begin) if 0 <= point - first < window]
        assert found == pytest.approx(np.nanmean(covering), rel=1e-14)
    alone = draw.normal(size=len(begin))
    for point, found in enumerate(timeline.over_points(alone)):
        assert found == pytest.approx(
            np.mean([v for v, first in zip(alone, begin, strict=True) if 0 <= point - first < window])
        )


@pytest.mark.parametrize("kind", ["csv", "parquet", "npy", "npz"])
def test_every_kind_of_file_gives_the_same_windows(tmp_path: Path, kind: str) -> None:
    frame = signal()
    path = tmp_path / f"a.{kind}"
    if kind == "csv":
        frame.to_csv(path, index=False)
    elif kind == "parquet":
        pytest.importorskip("pyarrow")
        frame.to_parquet(path)
    elif kind == "npy":
        np.save(path, frame.to_numpy())
    else:
        np.savez(path, x=frame.to_numpy(), time=np.arange(len(frame)))
    data = read(str(path), standardize=False)
    expected = cut(frame.to_numpy()[:140], 8, 1).reshape(-1, 16)  # 200 points: 40 tested, 20 validated with
    assert data.shape == (2, 8)
    assert torch.equal(data.examples("train"), torch.from_numpy(expected).float())


def test_parts_follow_each_other_in_time_and_share_no_point(tmp_path: Path) -> None:
    data = read(saved(tmp_path / "a.csv", signal()), stride=3)
    covered = {}
    for part in PARTS:
        rows = np.asarray(data.origin(part)["row"])
        covered[part] = set((rows[:, None] + np.arange(8)).ravel().tolist())
    assert covered["train"] == set(range(140)) and covered["val"] == set(range(140, 160))
    assert covered["test"] == set(range(160, 200))


def test_nothing_of_the_test_time_reaches_training(tmp_path: Path) -> None:
    """A value that changes in the test time changes neither the training examples nor their scale."""
    frame = signal()
    first = read(saved(tmp_path / "a.csv", frame))
    frame.loc[160, "c0"] = 1e9
    changed = read(saved(tmp_path / "a.csv", frame))
    for part in ("train", "val"):
        assert torch.equal(first.examples(part), changed.examples(part))
    assert torch.equal(first.preprocessing.scale, changed.preprocessing.scale)
    assert not torch.equal(first.examples("test"), changed.examples("test"))


def test_channels_are_scaled_by_the_points_of_the_training_time_once_each(tmp_path: Path) -> None:
    frame = signal()
    frame["c1"] += 1e9  # which float32 could not hold
    data = read(saved(tmp_path / "a.csv", frame))
    time = frame.to_numpy()[:140]
    expected = (cut(time, 8, 1) - time.mean(0)[:, None]) / time.std(0)[:, None]
    np.testing.assert_allclose(data.examples("train").numpy(), expected.reshape(-1, 16), rtol=1e-4, atol=1e-5)


def test_windows_do_not_cross_from_one_series_to_the_next(tmp_path: Path) -> None:
    (tmp_path / "many").mkdir()
    for name, level in (("a", 0.0), ("b", 100.0)):
        saved(tmp_path / "many" / f"{name}.csv", signal(100, 1) + level)
    data = read(str(tmp_path / "many"), standardize=False)
    for part in PARTS:
        x = data.examples(part)
        assert ((x < 50).all(1) | (x > 50).all(1)).all()
        timeline = data.timeline(part)
        assert [stretch.name for stretch in timeline.stretches] == ["a", "b"]
        assert np.isfinite(timeline.series(x.numpy())).all()
    whole = read(str(tmp_path / "many"), standardize=False, test="b")
    assert (whole.examples("test") > 50).all() and (whole.examples("train") < 50).all()
    assert whole.timeline("test").points == 100


def test_labels_of_points_and_of_windows(tmp_path: Path) -> None:
    frame = signal().assign(is_anomaly=[int(i in (170, 171)) for i in range(200)])
    data = read(saved(tmp_path / "a.csv", frame))
    assert data.shape == (2, 8)  # the label is no channel, though nobody named it
    anomalous = data.timeline("test").anomalous
    assert anomalous is not None and np.flatnonzero(anomalous).tolist() == [10, 11]
    touched = (data.require_labels()["test"] == "anomaly").nonzero()[0]
    assert touched.tolist() == list(range(3, 12))
    normal = read(saved(tmp_path / "a.csv", frame), one_class="normal")
    assert len(normal.timeline("train").start) == normal.size("train")


def test_times_are_no_channel_and_may_be_dates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame = signal()
    frame.insert(0, "timestamp", pd.date_range("2024-01-01", periods=200, freq="min").astype(str))
    data = read(saved(tmp_path / "a.csv", frame))
    assert data.channels == ("c0", "c1")
    assert "column timestamp is read as the time, no channel" in capsys.readouterr().out
    frame["timestamp"] = np.r_[np.arange(100), np.arange(150, 250)]
    read(saved(tmp_path / "a.csv", frame))
    assert "steps of timestamp are from 1 to 51" in capsys.readouterr().out


def test_one_channel_and_a_constant_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert read(saved(tmp_path / "a.csv", signal(channels=1))).shape == (1, 8)
    capsys.readouterr()
    assert read(saved(tmp_path / "a.csv", signal().assign(flat=2.0))).examples("train").isfinite().all()
    assert "column flat is the same in every training example" in capsys.readouterr().out


def test_gaps_stay_out_with_mask(tmp_path: Path) -> None:
    frame = signal()
    frame.loc[7, "c1"] = np.nan
    data = read(saved(tmp_path / "a.csv", frame), missing="mask")
    assert int(data.examples("train").isnan().sum()) == 8  # of the eight windows that cover it
    time = frame["c1"][:140]
    assert data.preprocessing.offset is not None
    assert float(data.preprocessing.offset[8]) == pytest.approx(time.mean(), rel=1e-12)


BAD: dict[str, tuple[dict[str, Any], Any, str]] = {
    "window 1": ({"window": 1}, {}, r"data.window=1: must be at least 2"),
    "stride 0": ({"stride": 0}, {}, r"data.stride=0: must be at least 1"),
    "stride over window": ({"stride": 9}, {}, r"data.stride=9: more than data.window=8"),
    "longer than the series": ({"window": 300}, {}, r"data.window=300: longer than data.path=.*a.csv, which has 200"),
    "longer than a part": ({"window": 30}, {}, r"the val part of data.path=.*a.csv has 20 of its 200 points"),
    "no validation": ({"val_fraction": 0}, {}, r"data.val_fraction=0: a share of the time"),
    "no test": ({"test_fraction": 0}, {}, r"data.test_fraction=0: a share of the time"),
    "all tested": ({"test": "a"}, {}, r"data.test=\['a'\]: every series would be tested"),
    "unknown series": ({"test": "b"}, {}, r"data.test=b: choose from a"),
    "a gap": ({}, {("c1", 4): np.nan}, r"row 6 of column c1 has no value \(1 such in all\); fill it, or use data.mis"),
    "an infinity": ({"missing": "mask"}, {("c1", 4): np.inf}, r"row 6 of column c1 is infinite"),
    "text": ({}, {("c0", 9): "broken"}, r"row 11 of column c0 is 'broken', no number"),
    "unsorted": ({"time": "t"}, {("t", 5): 3.5}, r"row 7 has a time before that of the row above it \(3.5 after 4.0\)"),
    "twice": ({"time": "t"}, {("t", 5): 4}, r"row 7 has the same time as the row above it"),
    "no time": ({"time": "t"}, {("t", 5): np.nan}, r"data.time=t data.path=.*: row 7 has 'nan', no time"),
    "label": ({"label": "t"}, {("t", 5): 2}, r"data.label=t data.path=.*: row 4 is '2.0'; of each point it says"),
    "no such label": ({"label": "nothing"}, {}, r"data.label=nothing: choose from"),
    "time is label": ({"label": "t", "time": "t"}, {}, r"data.time=t: also data.label"),
    "time is channel": ({"time": "t", "columns": ["t", "c0"]}, {}, r"data.time=t: also in data.columns"),
    "constant": ({"columns": "flat"}, {}, r"flat never changes in the training time"),
    "mask": ({"missing": "mean"}, {}, r"data.missing=mean: choose from mask"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_in_one_line(tmp_path: Path, case: str) -> None:
    settings, changes, message = BAD[case]
    frame = signal().assign(t=np.arange(200.0), flat=2.0)
    for (column, row), value in changes.items():
        frame[column] = frame[column].astype(object)
        frame.loc[row, column] = value
    with pytest.raises(UserError, match=message) as told:
        read(saved(tmp_path / "a.csv", frame), **settings)
    assert "\n" not in str(told.value)


def test_windows_that_memory_cannot_hold_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aelab.data.windows.LARGEST", 1000)
    path = saved(tmp_path / "a.csv", signal())
    with pytest.raises(UserError, match=r"data.stride=1: 200 windows of 8 x 2 values take 0 GiB; use data.stride=4 or"):
        read(path)
    assert read(path, stride=4).size("train") == 34


def test_arrays_that_are_no_signal_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((4, 3, 2)))
    np.savez(tmp_path / "b.npz", x=signal().to_numpy(), y=np.arange(200))
    np.savez(tmp_path / "c.npz", one=np.zeros(9), two=np.zeros(9))
    np.savez(tmp_path / "d.npz", x=np.zeros(200), time=np.zeros(200))
    x = signal().to_numpy().copy()
    x[5, 1] = np.nan
    np.save(tmp_path / "e.npy", x)
    for name, message in (
        ("a.npy", r"an array \[4, 3, 2\] of float64; a signal is numbers \[time, channels\]"),
        ("b.npz", r"labels \[200\] of int64; 200 of 0 or 1 are needed"),
        ("c.npz", r"data.key: .* holds one, two; name the signal"),
        ("d.npz", r"row 1 \(counted from 0\) has the same time as the row above it"),
        ("e.npy", r"row 5 \(counted from 0\) of column 1 has no value"),
    ):
        with pytest.raises(UserError, match=message):
            read(str(tmp_path / name))


def test_series_of_a_folder_must_be_alike(tmp_path: Path) -> None:
    saved(tmp_path / "a.csv", signal())
    saved(tmp_path / "b.csv", signal(channels=1))
    with pytest.raises(UserError, match=r"b has the channels c0, and a c0, c1; name those of all with data.columns"):
        read(str(tmp_path))
    assert read(str(tmp_path), columns="c0").shape == (1, 8)
    saved(tmp_path / "b.csv", signal().assign(label=0))
    with pytest.raises(UserError, match="a has no column that tells anomalies, and others have; add one"):
        read(str(tmp_path))
    (tmp_path / "none").mkdir()
    with pytest.raises(UserError, match="a folder without a series in it"):
        read(str(tmp_path / "none"))


def test_a_package_that_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aelab.data.files.packaged.carried_by", lambda package, file: None)
    with pytest.raises(
        UserError, match=r"data=windows data.source=ecg: comes with the package aeon, which is not here"
    ):
        Windows(window=8).setup()


def test_packaged_series_where_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    """The test file of the UCR archive begins with its training file, which must not be tested on."""
    try:
        data = Windows(window=8, source="bleeding", standardize=True)
        data.setup()
    except UserError:
        pytest.skip("aeon is not installed")
    assert data.describe()["points"] == {"train": 1080, "val": 120, "test": 6301}
    anomalous = data.timeline("test").anomalous
    assert anomalous is not None and np.flatnonzero(anomalous).tolist() == list(range(2987, 2999))
