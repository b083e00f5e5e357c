"""Kinds of tables that people really have, in both readers: the right values, or one line that says what to do."""

from __future__ import annotations

import gzip
import io
import shutil
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from aelab.data.module import DataModule
from aelab.data.streamed_table import StreamedTable
from aelab.data.table import Table
from aelab.errors import UserError

KINDS = ("table", "streamed_table")
FRAME = pd.DataFrame(np.random.default_rng(0).normal(3, 9, (60, 3)).round(2), columns=list("abc"))
CSV = FRAME.to_csv(index=False)
ROWS = CSV.splitlines()[1:]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("aelab.data.streamed_table.CHUNK", 320)
    return str(request.param)


def read(kind: str, path: Path, *more: str) -> DataModule:
    parsed = [OverridesParser.create().parse_override(override) for override in more]
    settings: dict[str, Any] = {override.key_or_group.removeprefix("data."): override.value() for override in parsed}
    if kind == "streamed_table":
        settings["cache"] = f"{path.parent}/rows"
    data = {"table": Table, "streamed_table": StreamedTable}[kind](path=str(path), **settings)
    data.setup()
    return data


def refused(kind: str, path: Path, *more: str) -> str:
    with pytest.raises(UserError) as caught:
        read(kind, path, *more)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def check(data: DataModule, wanted: Any) -> None:
    x = np.concatenate([data.preprocessing.restore(data.examples(part)).numpy() for part in ("train", "val", "test")])
    y = np.asarray(wanted, float)
    assert x.shape == y.shape
    np.testing.assert_allclose(x[np.lexsort(x.T[::-1])], y[np.lexsort(y.T[::-1])], rtol=1e-5, atol=1e-4)


def table(*rows: str, head: str = "a,b,c", end: str = "\n") -> str:
    return head + end + end.join(rows) + end


def column(make: Callable[[int], str], head: str = "a;b", sep: str = ";") -> str:
    return head + "\n" + "".join(f"{make(i)}{sep}{i % 7},25\n" for i in range(60))


QUARTERS = np.arange(60) % 7 + 0.25

RIGHT: dict[str, tuple[str, tuple[str, ...], Any]] = {
    "comma and space": (CSV.replace(",", ", "), (), FRAME),
    "semicolon and space": (CSV.replace(",", " ; "), (), FRAME),
    "aligned by spaces": (FRAME.to_string(index=False), (), FRAME),
    "separator named for Excel": ("sep=;\n" + CSV.replace(",", ";"), (), FRAME),
    "comma named for Excel": ('"sep=,"\r\n' + CSV, (), FRAME),
    "lines of CR": (CSV.replace("\n", "\r"), (), FRAME),
    "lines of CR LF": (CSV.replace("\n", "\r\n"), (), FRAME),
    "lines of both": (table(*ROWS[:30]) + "\r\n".join(ROWS[30:]), (), FRAME),
    "empty lines": ("\n\n" + CSV.replace("\n", "\n\n"), (), FRAME),
    "all quoted": ("\n".join('"' + line.replace(",", '","') + '"' for line in CSV.splitlines()), (), FRAME),
    "spaces about names": (table(*ROWS, head=" a , b , c "), (), FRAME),
    "spaces about values": (table(*(f"  {row.replace(',', '  ,')} " for row in ROWS)), (), FRAME),
    "hard spaces": (CSV.replace(",", "\u00a0,"), (), FRAME),
    "fields beyond in one row": (table(*ROWS[:50], ROWS[50] + ",,,", *ROWS[51:]), (), FRAME),
    "a printed minus": (CSV.replace("-", "\u2212"), (), FRAME),
    "blank is none": (table(*ROWS, "  ,1,2", " NA ,1,2", '"",1,2'), ("data.missing=drop",), FRAME),
    "truth": (table(*(f"{row},{(i % 2 == 0)}" for i, row in enumerate(ROWS)), head="a,b,c,d"), (),
              FRAME.assign(d=[1, 0] * 30)),
    "powers": (column(lambda i: f"{i},5E-3"), (), np.stack([(np.arange(60) + 0.5) * 1e-3, QUARTERS], 1)),
    "German thousands without a fraction": (column(lambda i: f"1.{100 + i}"), (),
                                            np.stack([np.arange(1100, 1160), QUARTERS], 1)),
    "English thousands without a fraction": (
        "a,b\n" + "".join(f'"1,{100 + i}",{i % 7}.25\n' for i in range(60)), (),
        np.stack([np.arange(1100, 1160), QUARTERS], 1)),
    **{f"thousands of {space!r}": (column(lambda i, space=space: f"1{space}{100 + i},5"), ("data.thousands=' '",),
                                   np.stack([np.arange(1100, 1160) + 0.5, QUARTERS], 1))
       for space in (" ", "\u00a0", "\u202f", "\u2009")},
    "a title": ("My measurements\n\n" + CSV, ("data.skip_rows=2",), FRAME),
    "counts above rows without names": ("60,3,x\n" + "\n".join(ROWS), ("data.skip_rows=1", "data.header=none"), FRAME),
    "comments": (table(*ROWS[:30], "# a pause, here", *ROWS[30:]), ("data.comment='#'",), FRAME),
    "two names alike": (table(*ROWS, head="a,a,b"), (), FRAME),
    "an index that was saved twice": (FRAME.reset_index().rename(columns={"index": "Unnamed: 0"}).to_csv(), (), FRAME),
    "an index by its made-up name": (FRAME.reset_index().rename(columns={"index": "Unnamed: 0"}).to_csv(index=False),
                                     (), FRAME),
    "very small": ("a\n" + "".join(f"{i}e-300\n" for i in range(60)), (), np.arange(60)[:, None] * 1e-300),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_text_that_is_read(tmp_path: Path, kind: str, name: str) -> None:
    text, more, wanted = RIGHT[name]
    (tmp_path / "x.csv").write_bytes(text.encode())
    data = read(kind, tmp_path / "x.csv", *more)
    if name == "very small":
        assert all(bool(data.examples(part).isfinite().all()) for part in ("train", "val", "test"))
        assert float(data.examples("train").std()) == pytest.approx(1, abs=0.05)
    check(data, wanted)


LINES: dict[str, tuple[str | bytes, tuple[str, ...], str]] = {
    "a title": ("My title\n" + CSV, (), "data.skip_rows=1 where the table begins below"),
    "a title and a gap": ("My title\n\n" + CSV, (), "data.skip_rows=2 where the table begins below"),
    "a title in Excel's way": ("My title,,\n,,\n" + CSV, (), "data.skip_rows=2 where the table begins below"),
    "counts": ("569,30,ill,well\n" + "\n".join(",".join([str(i % 9 / 4)] * 31) for i in range(60)), (),
               "row 2 has 31 fields and the header 4 names, separated by ','; data.skip_rows=1 data.header=none"),
    "one odd row": (table(*ROWS[:30], "oops", *ROWS[30:]), (), "row 32 has 1 field and the header 3 names"),
    "one short row": (table("1,2", *ROWS), (), "give every column a name, mend the row"),
    "names of rows, by R": (table(*(f"r{i},{row}" for i, row in enumerate(ROWS))), (), "row.names=FALSE"),
    "a footer": (table(*ROWS, "Total,1,2"), (), "row 62 of column a is 'Total'; all others are numbers"),
    "a note below": (table(*ROWS, "", "Source: me"), (), "row 63 has 1 field"),
    "a line of dashes": (table("---,---,---", *ROWS), (), "row 2 of column a is '---'"),
    "names again": (table(*ROWS, "a,b,c", *ROWS), (), "row 62 of column a is 'a'"),
    "infinity": (table(*ROWS, "inf,1,2"), (), "NaN or infinite values in float32"),
    "a broken formula": (table(*ROWS, "#DIV/0!,1,2"), (), "row 62 of column a is '#DIV/0!'"),
    "money": ("a,b\n" + "".join(f"${i}.5,{i % 7}\n" for i in range(60)), (), "that are not numeric: a ('$0.5')"),
    "per cent": ("a,b\n" + "".join(f"{i}%,{i % 7}\n" for i in range(60)), (), "that are not numeric: a ('0%')"),
    "other digits": ("a,b\n" + "".join("\u0e51\u0e52,1\n" for _ in range(60)), (), 'use "data.columns=[b]"'),
    "gaps beside text": ("a,k\n" + "".join(f"{i if i % 9 else ''},{'xy'[i % 2]}\n" for i in range(60)), (),
                         "beside it data.missing=mean or drop, for the gaps in a"),
    "a decimal comma or a thousand": ("a;b\n" + "1,234;2\n" * 30, (), "1,234 may be 1.234 or 1234"),
    "no encoding of text": (CSV, ("data.encoding=base64",), "data.encoding=base64: no such encoding"),
    "another encoding": (CSV.replace("a", "ä", 1).encode("latin-1"), (), "data.encoding=cp1252"),
    "rows to skip": (CSV, ("data.skip_rows=-1",), "data.skip_rows=-1: must be 0 or more"),
    "nothing left": (CSV, ("data.skip_rows=99",), "cannot be read (it is empty)"),
    "only names": ("a,b,c\n", (), "no rows below the names"),
    "JSON": ('{"a": [1, 2]}\n', (), "data.path="),
    "HTML": ("<!DOCTYPE html>\n<html>\n<body>404, not found</body></html>\n", (), "data.path="),
    "a pointer of Git LFS": ("version https://git-lfs.github.com/spec/v1\noid 4d7a\nsize 12\n", (), "data.path="),
    "bytes of 0": ("a,b\n1,2\n\0\0", (), "bytes of 0"),
}  # fmt: skip


@pytest.mark.parametrize("name", LINES)
def test_text_that_is_refused_in_one_line(tmp_path: Path, kind: str, name: str) -> None:
    text, more, said = LINES[name]
    (tmp_path / "x.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    assert said in refused(kind, tmp_path / "x.csv", *more)


def test_what_is_read_in_a_way_of_its_own_is_said(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    numbered = FRAME.assign(id=np.arange(1, 61), step=np.arange(60) * 2)
    numbered.to_csv(tmp_path / "x.csv", index=False)
    read(kind, tmp_path / "x.csv")
    said = capsys.readouterr().out
    assert 'column id numbers the rows, which tells nothing of them, "data.columns=[a,b,c,step]" leaves it out' in said
    (tmp_path / "x.csv").write_text(table(*ROWS, ",,", head="a,a,b"))
    read(kind, tmp_path / "x.csv", "data.missing=mean")
    said = capsys.readouterr().out
    assert "several columns have one name: a.1 for the next a" in said
    assert "1 of 61 rows have no value at all; their example is the mean of all others" in said


def test_packed_files(tmp_path: Path, kind: str) -> None:
    with zipfile.ZipFile(tmp_path / "x.csv.zip", "w") as packed:
        packed.writestr("x/", "")
        packed.writestr("x/x.csv", CSV)
        packed.writestr("__MACOSX/x/._x.csv", "junk")
    check(read(kind, tmp_path / "x.csv.zip"), FRAME)
    (tmp_path / "x.gz").write_bytes(gzip.compress(CSV.encode()))
    assert "unpack it, or call what holds a text table x.csv.gz" in refused(kind, tmp_path / "x.gz")
    (tmp_path / "y.csv.gz").write_bytes(gzip.compress(CSV.encode())[:-20])
    assert "cannot be read" in refused(kind, tmp_path / "y.csv.gz")


# --- files with types ---


def parquet(folder: Path, values: list[Any], type: Any = None) -> Path:
    pa = pytest.importorskip("pyarrow")
    from pyarrow.parquet import write_table

    write_table(pa.table(FRAME).append_column("d", pa.array(values, type)), folder / "x.parquet")
    return folder / "x.parquet"


def test_bytes_are_text(tmp_path: Path, kind: str) -> None:
    path = parquet(tmp_path, [b"x", "größe".encode(), b"\xff"] * 20)
    assert "columns that are not numeric: d ('x')" in refused(kind, path)
    data = read(kind, path, "data.label=d")
    assert set(np.concatenate(list(data.labels.values()))) == {"x", "größe", "\\xff"}
    assert read(kind, path, "data.categorical=[d]").describe()["columns"][3:] == ["d=\\xff", "d=größe", "d=x"]


def test_text_that_should_be_numbers(tmp_path: Path, kind: str) -> None:
    path = parquet(tmp_path, [str(i) for i in range(60)])
    said = refused(kind, path)
    assert "make numbers of the text in d" in said and "thousands" not in said
    mixed = FRAME.astype(object)
    mixed.loc[0, "a"] = "1.5"
    mixed.to_excel(tmp_path / "x.xlsx", index=False)
    assert "row 2 of column a is '1.5'; all others are numbers; this is text in the file" in refused(
        kind, tmp_path / "x.xlsx"
    )


def test_labels_that_are_times_differ(tmp_path: Path, kind: str) -> None:
    path = parquet(tmp_path, [timedelta(days=i % 3, microseconds=i % 3) for i in range(60)])
    assert len(np.unique(np.concatenate(list(read(kind, path, "data.label=d").labels.values())))) == 3


def test_arrow_by_other_names_and_without_rows(tmp_path: Path, kind: str) -> None:
    pa = pytest.importorskip("pyarrow")
    FRAME.to_feather(tmp_path / "x.ftr")
    FRAME.to_parquet(tmp_path / "p.feather")
    with pa.ipc.new_stream(str(tmp_path / "x.arrows"), pa.table(FRAME).schema) as writer:
        writer.write_table(pa.table(FRAME), max_chunksize=7)
    for name in ("x.ftr", "p.feather", "x.arrows"):
        check(read(kind, tmp_path / name), FRAME)
    pa.ipc.new_file(str(tmp_path / "none.arrow"), pa.table(FRAME).schema).close()
    assert "no rows below the names" in refused(kind, tmp_path / "none.arrow")
    pa.parquet.write_table(pa.table({"": [1.0, 2], "b": [1.0, 2]}), tmp_path / "x.parquet")
    assert "column 1 has no name" in refused(kind, tmp_path / "x.parquet")


def workbook(path: Path, edit: Callable[[Any], object]) -> Path:
    openpyxl = pytest.importorskip("openpyxl")
    FRAME.to_excel(path, index=False)
    book = openpyxl.load_workbook(path)
    edit(book)
    book.save(path)
    return path


def hidden(book: Any) -> None:
    book.create_sheet("secret", 0).append(["x", "y"])
    book["secret"].append([1, 2])
    book["secret"].sheet_state = "hidden"


@pytest.mark.parametrize(
    ("edit", "more", "said"),
    [
        (lambda book: book.active.insert_rows(1, 3), (), None),
        (lambda book: book.active.insert_cols(1, 2), (), None),
        (lambda book: book.active.insert_rows(9), (), None),
        (lambda book: book.create_sheet("cover", 0).append(["Report"]), (), None),
        (hidden, (), None),
        (lambda book: (book.active.insert_rows(1), book.active.cell(1, 1, "Title")), ("data.skip_rows=1",), None),
        (lambda book: (book.active.insert_rows(1), book.active.cell(1, 1, "Title")), (),
         "row 1 has one name, Title, for 3 columns; data.skip_rows=1 where the names stand below"),
        (lambda book: book.active.delete_rows(1), ("data.header=none",), "59"),
        (lambda book: book.active.delete_rows(1), (), "looks like numbers, not names of columns; data.header=none"),
        (lambda book: book.active.append(["Total", 1, 2]), (), "row 62 of column a is 'Total'"),
        (lambda book: book.active.cell(5, 6, "note"), (), "column 4 has no name"),
        (lambda book: book.active.cell(1, 2).__setattr__("value", None), (), "column 2 has no name"),
    ],
)  # fmt: skip
def test_workbooks(
    tmp_path: Path, kind: str, edit: Callable[[Any], object], more: tuple[str, ...], said: str | None
) -> None:
    path = workbook(tmp_path / "x.xlsx", edit)
    if said is None or said == "59":
        check(read(kind, path, *more), FRAME)
    else:
        assert said in refused(kind, path, *more)


# --- folders ---


def parts(folder: Path, *names: str) -> Path:
    for name, some in zip(names, np.array_split(np.arange(60), len(names)), strict=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        FRAME.iloc[some].to_parquet(folder / name, index=False)
    return folder


def test_a_file_that_is_linked_counts_once(tmp_path: Path, kind: str) -> None:
    folder = parts(tmp_path / "x", "part-1.parquet", "part-2.parquet")
    (folder / "part-0.parquet").symlink_to("part-1.parquet")
    (folder / "again").symlink_to(".")
    (folder / "~$part-1.xlsx").write_bytes(b"lock")
    check(read(kind, folder), FRAME)


@pytest.mark.parametrize(
    ("mark", "said"), [("_delta_log/0.json", "a Delta table"), (".hoodie/x", "a Hudi table"),
                       ("metadata/v1.metadata.json", "an Iceberg table")],
)  # fmt: skip
def test_folders_whose_files_do_not_all_count(tmp_path: Path, kind: str, mark: str, said: str) -> None:
    folder = parts(tmp_path / "x", "data/part-0.parquet", "data/part-1.parquet")
    (folder / mark).parent.mkdir()
    (folder / mark).write_text("{}")
    assert f"{said}, whose log says which of its files still count" in refused(kind, folder)


@pytest.mark.parametrize(
    ("values", "wanted"), [(("-1", "2"), [-1, 2]), (("0.5", "2"), [0.5, 2]), (("01", "12"), [1, 12])]
)
def test_numbers_in_names_of_folders(tmp_path: Path, kind: str, values: tuple[str, str], wanted: list[float]) -> None:
    folder = parts(tmp_path / "x", *(f"k={value}/part-0.parquet" for value in values))
    check(read(kind, folder), FRAME.assign(k=np.repeat(wanted, 30)))
    shutil.rmtree(tmp_path / "rows", ignore_errors=True)
    if values[0] == "01":
        assert set(np.concatenate(list(read(kind, folder, "data.label=k").labels.values()))) == {"01", "12"}


# --- frames that a run is given ---


def test_what_only_looks_like_numbers_in_a_frame_is_refused() -> None:
    from aelab.data.tables.columns import fit_columns

    known = fit_columns([FRAME], list("abc"), set(), False)
    for odd in (pd.Timestamp("2020-01-01"), pd.Timedelta(1, "D"), 1 + 2j, "x", "1,5", [1]):
        with pytest.raises(UserError, match="column b: not numeric"):
            known.values(FRAME.assign(b=[odd] * 60))
    again = pd.read_csv(io.StringIO(CSV))
    for dtype in ("float64", "Float64", "object", "str"):
        np.testing.assert_allclose(known.values(again.astype(dtype)), FRAME)
