"""Codes, scores and reconstructions lead back to the rows they came from, and are those that a run gives of these."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from customers import SETTINGS, customers, written
from run_files import directory_of
from tiny_runs import compose_tiny

import aelab
from aelab.cli import score as score_cli
from aelab.data.tables.columns import Column, Columns
from aelab.data.tables.numbered import category_numbers, frame_of, numbers_of
from aelab.data.tables.restored import restored
from aelab.errors import UserError
from aelab.fitting.run import run
from aelab.trained.code_file import write_codes
from aelab.trained.export import export
from aelab.trained.run import Run
from aelab.trained.score import score

COLUMNS = ["age", "kind", "seen", "grade"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on a table, with ids, labels and a threshold; the table lies in its folder."""
    folder = tmp_path_factory.mktemp("customers")
    config = compose_tiny(folder, *SETTINGS, f"data.path={written(folder)}", "evaluation=[anomaly_detection]")
    run(config, [])
    return aelab.load_run(directory_of(config))


@pytest.fixture
def inputs() -> pd.DataFrame:
    return customers()[COLUMNS]


# --- codes ---


@pytest.mark.parametrize("name", ["codes.csv", "codes.parquet", "codes.npz"])
def test_codes_are_those_of_their_rows_to_the_bit(
    trained: Run, tmp_path: Path, inputs: pd.DataFrame, name: str
) -> None:
    line = write_codes(trained, tmp_path / name)
    own = trained.encode(inputs)
    frame = customers()
    if name.endswith("npz"):
        with np.load(tmp_path / name, allow_pickle=False) as found:
            rows, code, ids, labels, parts = (found[key] for key in ("row", "x", "id", "y", "part"))
    else:
        table = pd.read_csv(tmp_path / name) if name.endswith("csv") else pd.read_parquet(tmp_path / name)
        assert list(table)[:4] == ["row", "customer", "part", "label"]
        rows, ids, labels, parts = (table[key].to_numpy() for key in ("row", "customer", "label", "part"))
        code = table[[f"code_{unit}" for unit in range(4)]].to_numpy(np.float32)
        joined = frame.merge(table, on="customer")
        assert (joined["state"] == joined["label"]).all()
        assert "joined by row and customer to " in line
    np.testing.assert_array_equal(code, own[rows])
    assert ids.tolist() == frame["customer"].iloc[rows].tolist()
    assert labels.tolist() == frame["state"].iloc[rows].tolist()
    assert {part: int((parts == part).sum()) for part in ("train", "val", "test")} == trained.manifest["data"]["sizes"]
    assert set(labels[parts == "train"]) == {"normal"}, "what data.one_class left out is no row here"


def test_codes_never_replace_the_data(trained: Run, tmp_path: Path) -> None:
    data = Path(trained.manifest["data"]["path"])
    before = data.read_bytes()
    link = tmp_path / "link.csv"
    link.symlink_to(data)
    for path in (data, link):
        with pytest.raises(UserError, match="the data themselves, which would be gone"):
            write_codes(trained, path, force=True)
    (tmp_path / "there.csv").write_text("mine")
    with pytest.raises(UserError, match="is there already; force=true writes it anew"):
        write_codes(trained, tmp_path / "there.csv")
    write_codes(trained, tmp_path / "there.csv", force=True)
    assert data.read_bytes() == before and "code_0" in (tmp_path / "there.csv").read_text()


# --- reconstructions ---


def test_a_frame_comes_back_as_a_frame(trained: Run) -> None:
    frame = customers().set_index("customer")[["grade", "seen", "kind", "age"]].astype({"age": "float32"})
    frame["kind"] = frame["kind"].astype("category")
    again = trained.reconstruct(frame)
    assert again.index.equals(frame.index) and list(again) == list(frame)
    assert again["age"].dtype == np.float32 and again["seen"].dtype == np.float64
    assert again["grade"].dtype == frame["grade"].dtype and set(again["grade"]) <= {1, 2, 3}
    assert set(again["kind"].dtype.categories) == {"new", "old", "gone"}
    columns = trained.preprocessing.columns
    assert columns is not None
    values = torch.from_numpy(trained.coder.reconstruct(trained.prepared(frame).numpy()))
    plain = trained.preprocessing.restore(values).numpy()
    names = columns.names
    gone = plain[:, names.index("age missing")] > 0.5
    np.testing.assert_array_equal(again["age"], np.where(gone, np.nan, plain[:, names.index("age")]).astype("f4"))
    np.testing.assert_array_equal(again["seen"], plain[:, names.index("seen")])
    kinds = plain[:, [names.index(f"kind={kind}") for kind in ("gone", "new", "old")]].argmax(1)
    no_kind = plain[:, names.index("kind missing")] > 0.5
    assert again["kind"].isna().tolist() == no_kind.tolist()
    assert again["kind"][~no_kind].tolist() == np.array(["gone", "new", "old"])[kinds[~no_kind]].tolist()


def test_what_is_rebuilt_perfectly_comes_back_as_it_was() -> None:
    """Of every type of column, gaps and all: values of a frame, restored, are the frame."""
    frame = pd.DataFrame(
        {
            "number": [1.5, np.nan, -2.0, 7.0],
            "small": np.array([1, 2, 3, 4], np.float32),
            "text": ["b", "a", None, "b"],
            "zip": ["007", "7", "7", None],
            "truth": [True, False, True, True],
            "whole": np.array([3, 1, 2, 3], np.int8),
            "nullable": pd.array([1, None, 2, 1], "Int64"),
            "day": pd.to_datetime(["2020-01-31", "2021-05-01", "2020-01-31", None]),
            "sized": pd.Categorical(["s", "m", None, "l"], ["s", "m", "l"], ordered=True),
        },
        index=[4, 9, 2, 7],
    )
    named = ["text", "zip", "truth", "whole", "nullable", "day", "sized"]
    from aelab.data.tables.columns import fit_columns

    columns = fit_columns([frame], list(frame), named, flag_gaps=True)
    values = columns.values(frame)
    pd.testing.assert_frame_equal(restored(columns, np.nan_to_num(values), frame), frame)
    part = frame.iloc[[1]]  # whose categories are not all there
    pd.testing.assert_frame_equal(restored(columns, np.nan_to_num(columns.values(part)), part), part)
    other = restored(columns, np.nan_to_num(values), frame.iloc[[1, 1, 1, 1]])
    assert other["whole"].tolist() == [3, 1, 2, 3] and other["truth"].tolist() == [True, False, True, True]
    assert other["day"].iloc[0] == pd.Timestamp("2020-01-31")


# --- scores ---


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)


@pytest.mark.parametrize(
    "name, suffix",
    [
        ("new.csv", ".parquet"),
        ("new.tsv", ".csv"),
        ("new.parquet", ".csv"),
        ("new.xlsx", ".csv"),
        ("folder", ".parquet"),
    ],
)
def test_scores_are_those_of_the_run(
    trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, suffix: str
) -> None:
    if name.endswith("xlsx"):
        pytest.importorskip("openpyxl")
    monkeypatch.setattr("aelab.trained.unseen.tables.CHUNK", 16 * 40)
    monkeypatch.setattr("aelab.trained.scores.ROWS", 7)
    frame = customers(83, seed=1).drop(columns="state")[["seen", "grade", "customer", "kind", "age"]]
    path = tmp_path / name
    if name == "folder":
        path.mkdir()
        written(path, frame.iloc[:50], "part-0.parquet"), written(path, frame.iloc[50:], "part-1.parquet")
    else:
        written(tmp_path, frame, name)
    lines = score(trained, path, tmp_path / f"scores{suffix}", codes=True)
    found = read(tmp_path / f"scores{suffix}")
    assert list(found) == [
        "row", "customer", "anomaly_score", "is_anomaly", "column_1", "share_1", "column_2", "share_2", "column_3",
        "share_3", "code_0", "code_1", "code_2", "code_3",
    ]  # fmt: skip
    own = frame[COLUMNS]
    assert found["row"].tolist() == list(range(83)) and found["customer"].tolist() == frame["customer"].tolist()
    np.testing.assert_allclose(found["anomaly_score"], trained.anomaly_score(own), rtol=1e-6)
    assert found["is_anomaly"].tolist() == trained.is_anomaly(own).tolist()
    np.testing.assert_allclose(
        found.filter(like="code_").to_numpy(np.float32), trained.encode(own), rtol=1e-5, atol=1e-6
    )
    x = trained.prepared(own).numpy().astype(np.float64)
    errors = np.square(trained.coder.reconstruct(x.astype(np.float32)) - x)
    widths = [2, 4, 1, 3]  # age and its flag, three kinds and theirs, seen, three grades
    by_column = np.stack([part.sum(1) for part in np.split(errors, np.cumsum(widths)[:-1], axis=1)], 1)
    order = np.argsort(-by_column, axis=1)
    for place in range(3):
        assert found[f"column_{place + 1}"].tolist() == [COLUMNS[column] for column in order[:, place]]
        wanted = np.take_along_axis(by_column, order, 1)[:, place] / by_column.sum(1)
        np.testing.assert_allclose(found[f"share_{place + 1}"], wanted, rtol=1e-4)
    above = int(trained.is_anomaly(own).sum())
    assert lines[-1].startswith(f"{tmp_path}/scores{suffix}: scores (error) of 83 rows; {above} of them")
    assert sorted(os.listdir(tmp_path)) == sorted([name, f"scores{suffix}"])


def test_what_a_new_file_has_otherwise_is_said(trained: Run, tmp_path: Path) -> None:
    frame = customers(50, seed=2).assign(extra=1)
    frame.loc[[3, 4], "kind"] = "planet"
    frame.loc[7, "customer"] = None
    said = "\n".join(score(trained, written(tmp_path, frame, "new.csv"), tmp_path / "s.csv"))
    assert "column state, the run's labels, is not looked at" in said
    assert "left out columns that the run was not trained with: extra" in said
    assert "column kind: planet is no category that the run knows (gone, new, old)" in said
    assert "in 2 of 50 rows" in said and "1 of 50 rows have no customer" in said
    found = pd.read_csv(tmp_path / "s.csv")
    assert found["customer"].isna().sum() == 1 and found["anomaly_score"].notna().all()
    said = "\n".join(
        score(trained, written(tmp_path, frame[COLUMNS], "b.csv"), tmp_path / "b_scores.csv", contributors=0)
    )
    assert "no column customer, the run's data.id; rows are told by their number" in said
    assert list(pd.read_csv(tmp_path / "b_scores.csv")) == ["row", "anomaly_score", "is_anomaly"]
    score(trained, tmp_path / "new.csv", tmp_path / "c.csv", {"id": "extra"}, contributors=0)
    assert list(pd.read_csv(tmp_path / "c.csv"))[:2] == ["row", "extra"]


def test_a_gap_that_a_run_has_nothing_for_has_no_score(trained: Run, tmp_path: Path) -> None:
    frame = customers(40, seed=3)
    frame["seen"] = frame["seen"].astype(float)
    frame.loc[[5, 9], "seen"] = np.inf
    said = "\n".join(score(trained, written(tmp_path, frame, "new.parquet"), tmp_path / "s.csv", codes=True))
    assert "no score for 2 of 40 rows, the first row 5: no value, or an infinite one, in seen (2)" in said
    found = pd.read_csv(tmp_path / "s.csv")
    empty = found.loc[[5, 9]].drop(columns=["row", "customer"])
    assert empty.isna().all(axis=None), "not called normal either"
    rest = found.drop([5, 9])
    assert rest.notna().all(axis=None)
    own = frame.drop([5, 9])[COLUMNS]
    np.testing.assert_allclose(rest["anomaly_score"], trained.anomaly_score(own), rtol=1e-6)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda frame: frame.drop(columns=["age", "seen"]), "no columns age, seen, which the run was trained"),
        (lambda frame: frame.assign(kind="planet"), "column kind: none of its categories (planet) is known"),
        (
            lambda frame: frame.assign(age=frame["age"].astype(object).where(frame.index != 33, "?")),
            "row 35 of column age is '?'",
        ),
        (lambda frame: frame.head(0), "no rows below the names"),
    ],
)
def test_a_file_that_cannot_be_scored_leaves_nothing(
    trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Any, message: str
) -> None:
    monkeypatch.setattr("aelab.trained.unseen.tables.CHUNK", 16 * 40)
    path = written(tmp_path, change(customers(60, seed=4)), "new.csv")
    with pytest.raises(UserError) as refused:
        score(trained, path, tmp_path / "out" / "s.csv")
    assert message in str(refused.value) and str(refused.value).startswith(f"path={path}: ")
    assert os.listdir(tmp_path) == ["new.csv"]


def test_numbers_are_read_by_the_signs_of_the_runs_table(tmp_path: Path) -> None:
    """1.234 is a thousand to a run whose table had 1.234,5, also in a file that cannot tell."""
    random = np.random.default_rng(0)
    values = random.normal(5000, 900, (60, 2)).round(2)
    german = "\n".join(";".join(f"{v:,.2f}".translate(str.maketrans(",.", ".,")) for v in row) for row in values)
    (tmp_path / "german.csv").write_text(f"a;b\n{german}\n")
    config = compose_tiny(tmp_path, "data=table", f"data.path={tmp_path}/german.csv", "data.batch_size=16",
                          "trainer.max_epochs=1")  # fmt: skip
    run(config, [])
    trained = aelab.load_run(directory_of(config))
    assert trained.manifest["data"]["marks"] == {"decimal": ",", "thousands": "."}
    (tmp_path / "new.csv").write_text("a\tb\n5.123\t4.987\n4.100\t5.900\n")
    said = score(trained, tmp_path / "new.csv", tmp_path / "s.csv")
    found = pd.read_csv(tmp_path / "s.csv")
    own = pd.DataFrame({"a": [5123.0, 4100], "b": [4987.0, 5900]})
    np.testing.assert_allclose(found["anomaly_score"], trained.anomaly_score(own), rtol=1e-6)
    assert "is_anomaly" not in found
    assert "no threshold was recorded" in said[-2] and "evaluation=anomaly_detection records one" in said[-2]
    score(trained, tmp_path / "new.csv", tmp_path / "t.csv", threshold=0.0)
    assert pd.read_csv(tmp_path / "t.csv")["is_anomaly"].all()
    (tmp_path / "english.csv").write_text("a,b\n5123.5,4987\n")
    with pytest.raises(UserError, match=r"row 2 of column a is '5123\.5'.*data\.decimal='\.'\" reads it as one"):
        score(trained, tmp_path / "english.csv", tmp_path / "u.csv")
    score(trained, tmp_path / "english.csv", tmp_path / "u.csv", {"decimal": "."})


# --- the command ---


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["score.py", *arguments])
    for name, value in {"HYDRA_FULL_ERROR": "0", "OMP_WAIT_POLICY": "PASSIVE"}.items():  # which the command sets
        monkeypatch.setenv(name, value)
    return score_cli.main()


def test_the_command(
    trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, customers(30, seed=5), "new.csv")
    assert command(monkeypatch, f"run={trained.directory}", "path=new.csv") == 0
    output = trained.directory / "scores" / "new.csv"
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"{output}: scores (error) of 30 rows; ")
    assert len(pd.read_csv(output)) == 30 and os.listdir(tmp_path) == ["new.csv"]
    assert command(monkeypatch, f"run={trained.directory}", "path=new.csv") == 1
    assert "is there already; force=true writes it anew" in capsys.readouterr().err
    assert command(monkeypatch, f"run={trained.directory}", "path=new.csv", "force=true", "threshold=0") == 0
    assert "30 of them (100.0%) above the threshold, 0" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments, line",
    [
        (("path=new.csv",), "run: name the directory of a finished run"),
        (("run={run}",), "path: name what is to be scored"),
        (("run=nowhere", "path=new.csv"), "nowhere: no run here"),
        (("run={run}", "path=nothing.csv"), "path=nothing.csv: nothing is there"),
        (("run={run}", "path=new.csv", "output=new.csv", "force=true"), "output=new.csv: the data themselves"),
        (("run={run}", "path=new.csv", "output=s.txt"), "output=s.txt: written as .csv or .parquet"),
        (
            ("run={run}", "path=new.csv", "output=no/s.csv", "data.id=custmer"),
            "data.id=custmer: did you mean customer?",
        ),
        (("run={run}", "path=new.csv", "output=no/s.csv", "data.id=age"), "data.id=age: the run was trained with it"),
        (("run={run}", "path=new.csv", "output=s.csv", "data.key=x"), "data.key=x: a table has no such thing"),
        (("run={run}", "path=new.csv", "codes=3"), "codes=3: must be true or false"),
        (("run={run}", "path=new.csv", "contributors=-1"), "contributors=-1: must be a whole number"),
        (("run={run}", "path=new.csv", "threshold=high"), "threshold=high: must be a number"),
        (("run={run}", "path=new.csv", "replica=1"), "replica=1: "),
        (("run={run}", "path=new.csv", "data.seperator=tab"), "data.seperator=tab: unknown key"),
        (("run={run}", "path=new.csv", "data.separator=7"), "data.separator=7: must be str or null"),
        (("run={run}", "path=new.csv", "+thresh=1"), "thresh=1: unknown key"),
        (("run={run}", "path=new.csv", "hydra.run.dir=x"), "hydra.run.dir=x: "),
    ],
)
def test_the_command_refuses_in_one_line(
    trained: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    line: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, customers(5), "new.csv")
    try:
        status = command(monkeypatch, *(argument.format(run=trained.directory) for argument in arguments))
    except SystemExit as refused:
        status = int(str(refused.code))
    captured = capsys.readouterr()
    assert status == 1 and not captured.out
    assert len(captured.err.splitlines()) == 1 and captured.err.startswith(line), captured.err
    assert os.listdir(tmp_path) == ["new.csv"]


# --- files for others ---


def test_a_file_takes_and_gives_columns(trained: Run, tmp_path: Path, inputs: pd.DataFrame) -> None:
    columns = trained.preprocessing.columns
    assert columns is not None
    raw = numbers_of(columns, inputs)
    assert list(raw[0]) == [inputs["age"][0], ["gone", "new", "old"].index(inputs["kind"][0]), inputs["seen"][0],
                            inputs["grade"][0]]  # fmt: skip
    line = export(trained, "torch_export", "autoencoder", tmp_path / "model.pt2", columns=True)
    assert "float64 [N, 4] to [N, 4]; the run's numbers to" in line
    extra = {"aelab.json": ""}
    module: Any = torch.export.load(tmp_path / "model.pt2", extra_files=extra).module()
    again = trained.reconstruct(inputs)
    np.testing.assert_allclose(module(torch.from_numpy(raw)).detach(), numbers_of(columns, again), rtol=1e-6)
    about = json.loads(extra["aelab.json"])
    assert [column["name"] for column in about["columns"]] == COLUMNS
    assert about["columns"][1] == {"name": "kind", "flag": True, "categories": ["gone", "new", "old"],
                                   "numbers": [0, 1, 2]}  # fmt: skip
    assert about["columns"][3]["numbers"] == [1, 2, 3] and about["values"] == columns.names
    assert trained.scoring is not None and about["threshold"] == trained.scoring.threshold
    assert about["scale"] == trained.preprocessing.scale.tolist() and about["run"] == trained.manifest["run_id"]  # type: ignore[union-attr]


OTHERS = [pytest.param(part, marks=pytest.mark.slow) for part in ("encoder", "decoder", "anomaly_score")]


@pytest.mark.parametrize("part", ["autoencoder", *OTHERS])
def test_onnx_takes_and_gives_columns(trained: Run, tmp_path: Path, inputs: pd.DataFrame, part: str) -> None:
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    columns = trained.preprocessing.columns
    assert columns is not None
    export(trained, "onnx", part, tmp_path / "model.onnx", columns=True)
    session = runtime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    strange = pd.concat([inputs, inputs.head(1).assign(kind="planet", age=np.nan)])
    raw = numbers_of(columns, inputs.assign(kind=inputs["kind"]))
    raw = np.concatenate([raw, [[np.nan, -1, *raw[0, 2:]]]])
    with pytest.warns(UserWarning, match="planet"):
        code = trained.encode(strange)
        wanted: Any = {
            "encoder": lambda: code,
            "autoencoder": lambda: numbers_of(columns, trained.reconstruct(strange)),
            "decoder": lambda: numbers_of(columns, trained.reconstruct(strange)),
            "anomaly_score": lambda: trained.anomaly_score(strange),
        }[part]()
    [name] = [value.name for value in session.get_inputs()]
    [found] = session.run(None, {name: code if part == "decoder" else raw})
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
    about = json.loads(session.get_modelmeta().custom_metadata_map["aelab"])
    assert (
        about["which"] == part and about["input"] == "columns" and about["columns"][0] == {"name": "age", "flag": True}
    )
    assert about["threshold"] == trained.scoring.threshold  # type: ignore[union-attr]


def test_categories_as_numbers() -> None:
    columns = Columns(
        [Column("a", ("1", "2.5", "-3")), Column("b", ("007", "7")), Column("c", ("x", "1")), Column("d")]
    )
    assert [category_numbers(column) for column in columns[:3]] == [[1, 2.5, -3], [0, 1], [0, 1]]
    numbers = np.array([[2.5, 0, 1, 9.5], [-3, 1, 0, np.nan]])
    frame = frame_of(columns, numbers)
    assert frame.values[0].tolist() == ["2.5", "007", "1", 9.5]
    np.testing.assert_array_equal(numbers_of(columns, frame), numbers)


def test_columns_are_of_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trained: Run) -> None:
    monkeypatch.setattr(trained.preprocessing, "columns", None)
    with pytest.raises(UserError, match=r"columns=true: .* was not trained on data=table; leave it out"):
        export(trained, "torch_export", columns=True)
