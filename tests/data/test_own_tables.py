"""Tables as people have them: every kind of fault in both readers, and the advice as a shell takes it."""

from __future__ import annotations

import gzip
import shlex
import subprocess
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from tiny_runs import compose_tiny

import aelab
from aelab.config.pasted import pasted
from aelab.data.module import DataModule
from aelab.data.streamed_table import StreamedTable
from aelab.data.table import Table
from aelab.data.tables.columns import Columns, fit_columns
from aelab.errors import UserError

KINDS = ("table", "streamed_table")


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("aelab.data.streamed_table.CHUNK", 320)
    return str(request.param)


def read(kind: str, folder: Path, path: Path, *more: str) -> DataModule:
    """The data as ``data=table data.path=...`` with more overrides gives them."""
    parsed = [OverridesParser.create().parse_override(override) for override in more]
    settings: dict[str, Any] = {override.key_or_group.removeprefix("data."): override.value() for override in parsed}
    if kind == "streamed_table":
        settings["cache"] = f"{folder}/rows"
    data = {"table": Table, "streamed_table": StreamedTable}[kind](path=str(path), **settings)
    data.setup()
    return data


def values(data: DataModule) -> np.ndarray:
    """All examples on the scale of the data, sorted by the first value."""
    x = np.concatenate([data.preprocessing.restore(data.examples(p)).numpy() for p in ("train", "val", "test")])
    return x[np.lexsort(x.T[::-1])]


def ordered(x: Any) -> np.ndarray:
    found = np.asarray(x, float)
    return found[np.lexsort(found.T[::-1])]


@pytest.fixture
def frame() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    return pd.DataFrame(draw.normal(3, 9, (60, 3)).round(2), columns=["a", "b", "c"])


def refused(kind: str, folder: Path, path: Path, *more: str) -> str:
    with pytest.raises(UserError) as caught:
        read(kind, folder, path, *more)
    return str(caught.value)


# --- how a file is written ---


@pytest.mark.parametrize(
    ("separator", "decimal"), [(";", ","), (";", "."), ("\t", "."), ("\t", ","), ("|", "."), (" ", "."), (" ", ",")]
)
@pytest.mark.parametrize("suffix", [".csv", ".TXT", ".tsv", ".csv.gz"])
def test_separators_and_decimal_marks_are_found(
    tmp_path: Path, kind: str, frame: pd.DataFrame, separator: str, decimal: str, suffix: str
) -> None:
    path = tmp_path / f"own{suffix}"
    frame.to_csv(path, sep=separator, decimal=decimal, index=False)
    np.testing.assert_allclose(values(read(kind, tmp_path, path)), ordered(frame), atol=1e-5)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252", "latin-1"])
def test_encodings(tmp_path: Path, kind: str, frame: pd.DataFrame, encoding: str) -> None:
    frame = frame.rename(columns={"a": "Länge", "b": "Größe"})
    frame.to_csv(tmp_path / "x.csv", sep=";", decimal=",", index=False, encoding=encoding)
    if encoding in ("cp1252", "latin-1"):
        said = refused(kind, tmp_path, tmp_path / "x.csv")
        assert "cannot be read as utf-8 (byte 0xe4)" in said and "data.encoding=cp1252" in said
        data = read(kind, tmp_path, tmp_path / "x.csv", f"data.encoding={encoding}")
    else:
        data = read(kind, tmp_path, tmp_path / "x.csv")
    assert data.describe()["columns"] == ["Länge", "Größe", "c"]
    np.testing.assert_allclose(values(data), ordered(frame), atol=1e-5)


def test_thousands(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a;b\n" + "".join(f"1.23{i % 10}.567,5;{i},25\n" for i in range(30)))
    assert values(read(kind, tmp_path, path))[0].round(2).tolist() == [1230567.5, 0.25]
    path.write_text("a,b\n" + "".join(f'"1,23{i % 10},567.5",{i}\n' for i in range(30)))
    assert values(read(kind, tmp_path, path))[0].round(2).tolist() == [1230567.5, 0]
    for text, sign in (("1,234", ","), ("1.234", ".")):
        path.write_text("a;b\n" + f"{text};2\n" * 30)
        said = refused(kind, tmp_path, path)
        assert f"{text} may be 1.234 or 1234" in said and f"\"data.decimal='{sign}'\"" in said
        for key, wanted in (("decimal", 1.234), ("thousands", 1234)):
            assert values(read(kind, tmp_path, path, f"data.{key}='{sign}'"))[0, 0] == pytest.approx(wanted)
    path.write_text("a;b\n" + "1.234;01.02.2020\n" * 30)
    assert "'01.02.2020'" in refused(kind, tmp_path, path, "data.thousands=."), "a date is no number"
    path.write_text("a\tb\n" + "1 234\t2\n" * 30)
    assert "data.thousands=' '" in refused(kind, tmp_path, path)
    assert values(read(kind, tmp_path, path, "data.thousands=' '"))[0].tolist() == [1234, 2]


def test_a_decimal_comma_that_comes_late_is_named(tmp_path: Path, kind: str) -> None:
    (tmp_path / "x.csv").write_text("a;b\n" + "1;2\n" * 2000 + "1,5;2\n" + "1;2\n" * 9)
    said = refused(kind, tmp_path, tmp_path / "x.csv")
    assert "row 2002 of column a is '1,5'" in said and "data.decimal=','" in said


@pytest.mark.parametrize("end", [",", ",,"])
@pytest.mark.parametrize("head", ["a,b,c", "a,b,c,", "a,b,c,,"])
def test_separators_at_the_end_of_lines_add_nothing(
    tmp_path: Path, kind: str, frame: pd.DataFrame, end: str, head: str
) -> None:
    rows = [",".join(map(str, row)) + end for row in frame.to_numpy()]
    (tmp_path / "x.csv").write_text("\n".join([head, *rows]) + "\n\n")
    np.testing.assert_allclose(values(read(kind, tmp_path, tmp_path / "x.csv")), ordered(frame), atol=1e-5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("200,5,ill,well\n" + "1,2,3,4,5,6\n" * 30, "row 2 has 6 fields and the header 4 names"),
        ("a,b,c\n" + "1,2,3\n" * 30 + "1,2\n", "row 32 has 2 fields and the header 3 names"),
        ("a,b,c\n" + '1,"2\n2",3\n' + "1,2,3,4\n" * 3, "row 4 has 4 fields and the header 3 names"),
        ("A title\na,b\n" + "1,2\n" * 30, "row 2 has 2 fields and the header 1 name"),
        ("a;b;c\n" + "1;2;3\n" * 30 + "1;2\n", "row 32 has 2 fields and the header 3 names, separated by ';'"),
        ("a\n" + "1,5\n" * 30, "row 2 has 2 fields and the header 1 name"),
        ("a,b\n" + "1,5,2,5\n" * 30, "\"data.decimal=','\""),
        ("x y\n" + "r1 1 2\n" * 30, "columns that are not numeric|row 2"),
    ],
)
def test_counts_of_fields_must_agree(tmp_path: Path, kind: str, text: str, said: str) -> None:
    (tmp_path / "x.csv").write_text(text)
    assert any(part in refused(kind, tmp_path, tmp_path / "x.csv") for part in said.split("|"))


def test_rows_without_names(tmp_path: Path, kind: str, frame: pd.DataFrame) -> None:
    for more, sep in ((frame, ","), (frame.assign(kind="x"), ","), (frame, ";")):
        more.to_csv(tmp_path / "x.csv", index=False, header=False, sep=sep, decimal="," if sep == ";" else ".")
        said = refused(kind, tmp_path, tmp_path / "x.csv")
        assert "looks like numbers, not names" in said and "data.header=none" in said
        label = ["data.label=3"] if len(more.columns) == 4 else []
        data = read(kind, tmp_path, tmp_path / "x.csv", "data.header=none", *label)
        assert data.describe()["columns"] == ["0", "1", "2"]
        np.testing.assert_allclose(values(data), ordered(frame), atol=1e-5)
    for names in (["0", "1", "2"], ["year", "1990", "1991"]):
        frame.set_axis(names, axis=1).to_csv(tmp_path / "x.csv", index=False)
        assert read(kind, tmp_path, tmp_path / "x.csv").describe()["columns"] == names
    frame.set_axis(["7", "3", "9"], axis=1).to_csv(tmp_path / "x.csv", index=False)
    assert read(kind, tmp_path, tmp_path / "x.csv", "data.header=first").describe()["columns"] == ["7", "3", "9"]


def test_comments(tmp_path: Path, kind: str, frame: pd.DataFrame) -> None:
    text = frame.to_csv(index=False).splitlines()
    for sign in "#%":
        rows = [f"{sign} made by hand, 2020", text[0], f"{sign} more", *(f"{row} {sign} fine" for row in text[1:])]
        (tmp_path / "x.csv").write_text("\n".join(rows))
        if sign == "#":
            assert "row 1 begins with '#'; \"data.comment='#'\"" in refused(kind, tmp_path, tmp_path / "x.csv")
        data = read(kind, tmp_path, tmp_path / "x.csv", f"data.comment='{sign}'")
        np.testing.assert_allclose(values(data), ordered(frame), atol=1e-5)


@pytest.mark.parametrize("start", [0, 1, 7])
@pytest.mark.parametrize("suffix", [".csv", ".xlsx", ".parquet"])
def test_a_saved_index_is_no_input(
    tmp_path: Path, kind: str, frame: pd.DataFrame, start: int, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"x{suffix}"
    frame.index = pd.Index(np.random.default_rng(0).permutation(len(frame)) + start)
    {".csv": frame.to_csv, ".xlsx": frame.to_excel, ".parquet": frame.to_parquet}[suffix](path)
    data = read(kind, tmp_path, path)
    assert data.describe()["columns"] == ["a", "b", "c"] and capsys.readouterr().out.count("left out") == 1
    np.testing.assert_allclose(values(data), ordered(frame), atol=1e-5)


def test_other_columns_without_a_name_are_refused(tmp_path: Path, kind: str, frame: pd.DataFrame) -> None:
    for place in range(4):
        odd = frame.copy()
        odd.insert(place, "", np.linspace(0, 1, 60))
        odd.to_csv(tmp_path / "x.csv", index=False)
        said = refused(kind, tmp_path, tmp_path / "x.csv")
        assert f"column {place + 1} has no name" in said and '"data.columns=[a,b,c]"' in said
        data = read(kind, tmp_path, tmp_path / "x.csv", "data.columns=[a,b,c]")
        np.testing.assert_allclose(values(data), ordered(frame), atol=1e-5)


# --- what stands among numbers ---


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
@pytest.mark.parametrize("odd", ["?", "missing", "-"])
@pytest.mark.parametrize("row", [2, 40])
def test_a_stray_value_is_named_with_its_row(
    tmp_path: Path, kind: str, frame: pd.DataFrame, suffix: str, odd: str, row: int
) -> None:
    path = tmp_path / f"x{suffix}"
    mixed = frame.astype(object)
    mixed.loc[row - 2, "b"] = odd
    mixed.to_csv(path, index=False) if suffix == ".csv" else mixed.to_excel(path, index=False)
    said = refused(kind, tmp_path, path)
    assert f"row {row} of column b is {odd!r}; all others are numbers" in said and "one-hot" not in said
    command = said.split("or use ")[1].split(" where")[0]
    more = shlex.split(command)
    assert len(values(read(kind, tmp_path, path, *more))) == 60
    assert len(values(read(kind, tmp_path, path, more[0], "data.missing=drop"))) == 59


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_a_row_of_units(tmp_path: Path, kind: str, frame: pd.DataFrame, suffix: str) -> None:
    mixed = pd.concat([pd.DataFrame([["mm", "mm", "kg"]], columns=list("abc")), frame.astype(object)])
    path = tmp_path / f"x{suffix}"
    mixed.to_csv(path, index=False) if suffix == ".csv" else mixed.to_excel(path, index=False)
    assert "row 2 of column a is 'mm', of b 'mm', of c 'kg'; all others are numbers" in refused(kind, tmp_path, path)


def test_numbers_that_stand_for_nothing(tmp_path: Path, kind: str, frame: pd.DataFrame) -> None:
    frame.loc[3, "a"] = -999
    for suffix in (".csv", ".parquet"):
        path = tmp_path / f"x{suffix}"
        frame.to_csv(path, index=False) if suffix == ".csv" else frame.to_parquet(path)
        data = read(kind, tmp_path, path, "data.missing_values=[-999]", "data.missing=drop")
        np.testing.assert_allclose(values(data), ordered(frame.drop(3)), atol=1e-5)


def test_text_columns_are_offered_as_labels(tmp_path: Path, kind: str, frame: pd.DataFrame) -> None:
    odd = frame.assign(name=[f"n {i}" for i in range(60)], species=["x", "y z"] * 30)
    odd.to_csv(tmp_path / "x.csv", index=False)
    said = refused(kind, tmp_path, tmp_path / "x.csv")
    assert '"data.columns=[a,b,c]"' in said and "data.label=species" in said and "data.categorical=[species]" in said
    assert "name]" not in said, "60 names of 60 rows are no categories"
    said = refused(kind, tmp_path, tmp_path / "x.csv", "data.label=species")
    assert "data.label=" not in said


def test_truth_values_and_numbers_are_not_mixed(tmp_path: Path, kind: str) -> None:
    (tmp_path / "x.csv").write_text("a,b\n" + "True,1\n" * 30 + "0,1\n" * 30)
    assert "column" in refused(kind, tmp_path, tmp_path / "x.csv")
    (tmp_path / "x.csv").write_text("a,b\n" + "True,1\nFalse,2\n" * 30)
    assert values(read(kind, tmp_path, tmp_path / "x.csv")).sum(0).round().tolist() == [30, 90]


# --- labels and categories ---


@pytest.mark.parametrize(
    ("early", "late", "wanted"),
    [
        (["007", "012"], ["A1"], ["007", "012", "A1"]),
        (["007", "012"], ["012"], ["007", "012"]),
        (["1", "2"], ["x"], ["1", "2", "x"]),
        (["1", "2"], ["2.5"], [1.0, 2.0, 2.5]),
        (["1", "2"], ["3"], [1, 2, 3]),
        (["True", "False"], ["True"], [False, True]),
        (["True", "False"], ["maybe"], ["False", "True", "maybe"]),
    ],
)
def test_labels_have_one_type(tmp_path: Path, kind: str, early: list[str], late: list[str], wanted: list[Any]) -> None:
    labels = early * 40 + late * 20
    pd.DataFrame({"v": np.arange(len(labels)), "site": labels}).to_csv(tmp_path / "x.csv", index=False)
    data = read(kind, tmp_path, tmp_path / "x.csv", "data.label=site")
    found = np.unique(np.concatenate(list(data.require_labels().values())))
    assert found.tolist() == wanted and found.dtype.kind == np.array(wanted).dtype.kind


def test_zip_codes_keep_their_zeros(tmp_path: Path, kind: str) -> None:
    frame = pd.DataFrame({"v": np.arange(60), "zip": ["01234", "1234", "00501"] * 20})
    frame.to_csv(tmp_path / "x.csv", index=False)
    data = read(kind, tmp_path, tmp_path / "x.csv", "data.categorical=[zip]")
    assert data.describe()["columns"] == ["v", "zip=00501", "zip=01234", "zip=1234"]


def test_names_of_values_differ() -> None:
    gaps = pd.DataFrame({"age": [1, None], "age missing": [1, 2]})
    kinds = pd.DataFrame({"k": ["a", "b"], "k=a": [1, 2]})
    for frame, kind in ((gaps, set[str]()), (kinds, {"k"})):
        with pytest.raises(UserError, match=r"two values of the table would be called (age missing|k=a)"):
            fit_columns([frame], list(frame), kind, True)


def test_columns_of_a_new_frame() -> None:
    columns: Columns = fit_columns([pd.DataFrame({"a": [1.0], "d": ["2020-01-31"]})], ["a", "d"], {"d"}, False)
    assert columns.names == ["a", "d=2020-01-31"]
    day = pd.Timestamp("2020-01-31")
    for when in (day, "2020-01-31 00:00:00", np.datetime64("2020-01-31"), day.date()):
        assert columns.values(pd.DataFrame({" a": [1], "d": [when]})).tolist() == [[1, 1]]
    with pytest.raises(UserError, match=r"no columns a, d, .*it has A, which the run does not know\); add them"):
        columns.values(pd.DataFrame({"A": [1]}))
    twice = pd.DataFrame([[1, 2, "2020-01-31"]], columns=["a", "a", "d"])
    with pytest.raises(UserError, match="two columns called a"):
        columns.values(twice)


# --- other kinds of files ---


def test_typed_files(tmp_path: Path, kind: str, frame: pd.DataFrame) -> None:
    frame.to_parquet(tmp_path / "x.PARQUET")
    frame.to_feather(tmp_path / "x.feather")
    frame.to_excel(tmp_path / "x.xlsx", index=False)
    for name in ("x.PARQUET", "x.feather", "x.xlsx"):
        np.testing.assert_allclose(values(read(kind, tmp_path, tmp_path / name)), ordered(frame), atol=1e-5)
    said = refused(kind, tmp_path, tmp_path / "x.feather", "data.separator=tab")
    assert "a Parquet or Arrow file has no such thing" in said


def test_odd_parquet(tmp_path: Path, kind: str, frame: pd.DataFrame) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "x.parquet"
    levels = frame.set_axis(pd.MultiIndex.from_tuples([("m", "a"), ("m", "b"), ("n", "c")]), axis=1)
    levels.to_parquet(path)
    data = read(kind, tmp_path, path)
    assert data.describe()["columns"] == ["m a", "m b", "n c"]
    np.testing.assert_allclose(data.preprocessing.columns.values(levels), frame)  # type: ignore[union-attr]
    frame.assign(a=[Decimal(str(x)) for x in frame["a"]], k=pd.Categorical([1, 2] * 30)).to_parquet(path)
    np.testing.assert_allclose(values(read(kind, tmp_path, path))[:, :3], ordered(frame), atol=1e-5)
    pq.write_table(pa.Table.from_arrays([pa.array([1.0, 2]), pa.array([1.0, 2])], names=["a", "a"]), path)
    assert "two columns are called a" in refused(kind, tmp_path, path)
    frame.iloc[:0].to_parquet(path)
    assert "no rows" in refused(kind, tmp_path, path)
    frame.assign(v=[[1, 2]] * 60, when=pd.Timestamp("2020-01-01"), t="1.5").to_parquet(path)
    assert '"data.columns=[a,b,c]"' in refused(kind, tmp_path, path)
    frame.set_index("a").to_parquet(path)
    assert read(kind, tmp_path, path).describe()["columns"] == ["b", "c"]
    assert read(kind, tmp_path, path, "data.columns=[a,b,c]").describe()["columns"] == ["a", "b", "c"]


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_a_folder_of_parts(tmp_path: Path, kind: str, frame: pd.DataFrame, suffix: str) -> None:
    folder = tmp_path / "spark"
    for year, some in ((2019, frame[:25]), (2020, frame[25:])):
        inner = folder / f"year={year}"
        inner.mkdir(parents=True)
        for part, rows in enumerate((some[:7], some[7:])):
            path = inner / f"part-{part}{suffix}"
            rows.to_parquet(path, index=False) if suffix == ".parquet" else rows.to_csv(path, index=False)
            (inner / f".part-{part}{suffix}.crc").write_bytes(b"crc")
    (folder / "_SUCCESS").write_text("")
    data = read(kind, tmp_path, folder)
    assert data.describe()["columns"] == ["a", "b", "c", "year"]
    np.testing.assert_allclose(values(data), ordered(frame.assign(year=[2019] * 25 + [2020] * 35)), atol=1e-3)
    data = read(kind, tmp_path, folder, "data.label=year")
    assert {int(y) for y in data.require_labels()["train"]} == {2019, 2020}
    odd = frame.rename(columns={"c": "d"})
    path = folder / "year=2020" / f"part-9{suffix}"
    odd.to_parquet(path, index=False) if suffix == ".parquet" else odd.to_csv(path, index=False)
    assert f"part-9{suffix} has other columns" in refused(kind, tmp_path, folder)


def test_what_a_file_holds_decides_how_it_is_unpacked(tmp_path: Path, kind: str, frame: pd.DataFrame) -> None:
    (tmp_path / "x.csv").write_bytes(gzip.compress(frame.to_csv(index=False).encode()))
    np.testing.assert_allclose(values(read(kind, tmp_path, tmp_path / "x.csv")), ordered(frame), atol=1e-5)
    with zipfile.ZipFile(tmp_path / "x.csv.zip", "w") as packed:
        packed.writestr("x.csv", frame.to_csv(index=False))
    np.testing.assert_allclose(values(read(kind, tmp_path, tmp_path / "x.csv.zip")), ordered(frame), atol=1e-5)
    with zipfile.ZipFile(tmp_path / "x.csv.zip", "a") as packed:
        packed.writestr("y.csv", "a")
    assert "a zip of 2 files" in refused(kind, tmp_path, tmp_path / "x.csv.zip")
    frame.to_parquet(tmp_path / "p.csv")
    assert "a Parquet or Arrow file that is called .csv" in refused(kind, tmp_path, tmp_path / "p.csv")
    contents = {"a.xls": b"x", "b.json": b"{}", "c.xlsx": b"x", "d.parquet": b"x", "e.feather": b"x", "f.csv": b""}
    contents |= {"g.csv": b'a,b\n1,"2\n3,4\n' + b"5,6\n" * 99999, "h.csv": b"a\0b\0"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        assert "data.path=" in refused(kind, tmp_path, tmp_path / name)


# --- advice ---


@pytest.mark.parametrize(
    "value",
    [";", "tab", ["?"], ["a b", "c'd", 'e"f', "$x", "`y`", "back\\slash", "Länge", "1.5", "null", "", "ends\\"],
     -999, None, True, ["!x"], ["it's \"both\""], [0, 12, "007"]],
)  # fmt: skip
def test_advice_can_be_pasted_into_a_shell(value: Any) -> None:
    line = pasted("data.columns", value)
    [word] = subprocess.run(["sh", "-c", f"printf '%s\\0' {line}"], capture_output=True, text=True).stdout.split("\0")[
        :-1
    ]
    found = OverridesParser.create().parse_override(word).value()
    plain = [str(x) for x in found] if isinstance(found, list) else found
    assert plain == ([str(x) for x in value] if isinstance(value, list) else value)


@pytest.mark.parametrize(
    ("key", "said"),
    [("decimal=;", "data.decimal="), ("encoding=utf-99", "no such encoding"), ("header=no", "data.header=none"),
     ("separator=ab", "must be one sign"), ("comment=ab", "must be one sign"), ("thousands=x", "data.thousands=")],
)  # fmt: skip
def test_keys_of_a_format_are_checked(tmp_path: Path, key: str, said: str) -> None:
    name, _, value = key.partition("=")
    (tmp_path / "x.csv").write_text("a\n1\n2\n")
    assert said in refused("table", tmp_path, tmp_path / "x.csv", f"data.{name}='{value}'")


def test_a_run_finds_its_data_from_any_directory(
    tmp_path: Path, kind: str, frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    from run_files import directory_of, manifest_of

    from aelab.fitting.run import run
    from aelab.trained.coder import examples_of

    frame.to_csv(tmp_path / "x.csv", index=False)
    monkeypatch.chdir(tmp_path)
    cache = ["data.cache=rows"] if kind == "streamed_table" else []
    config = compose_tiny(tmp_path, f"data={kind}", "data.path=x.csv", *cache)
    run(config, [])
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert manifest_of(config)["data"]["path"] == str(tmp_path / "x.csv")
    assert examples_of(aelab.load_run(directory_of(config))).train.x.shape[1] == 3


def test_columns_that_tell_nothing_are_named(tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    times = pd.DataFrame({"t": 1.7e9 + np.arange(60), "k": 3, "v": np.arange(60) % 7})
    times.to_csv(tmp_path / "x.csv", index=False)
    read(kind, tmp_path, tmp_path / "x.csv", "data.standardize=false")
    said = capsys.readouterr().out
    assert "column t: float32 has steps of 128 there" in said and "column k is the same in every" in said
