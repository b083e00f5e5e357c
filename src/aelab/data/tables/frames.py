"""Files as tables: which reader reads what."""

from __future__ import annotations

from pathlib import Path

from aelab.data.tables.arrow_file import PARQUET, ArrowFile
from aelab.data.tables.excel_file import ExcelFile
from aelab.data.tables.format import FORMAT_KEYS, Format
from aelab.data.tables.parts import Parts, files_below
from aelab.data.tables.reading import TableFile, readable
from aelab.data.tables.text_file import TextFile
from aelab.errors import UserError
from aelab.machines.regular_files import open_regular

TEXT = (".csv", ".tsv", ".tab", ".txt", ".dat", ".data")
PACKED = (".gz", ".bz2", ".xz", ".zip")
ARROW = (*PARQUET, ".feather", ".ftr", ".arrow", ".arrows", ".ipc")
EXCEL = (".xlsx", ".xlsm")
LOGGED = {"a Delta table": "_delta_log", "a Hudi table": ".hoodie", "an Iceberg table": "metadata/*.metadata.json"}
WANTED = "a .csv, .tsv, .txt (also .gz), .parquet, .feather or .xlsx file, or a folder of parts"


def open_table(path: Path, format: Format) -> TableFile:
    """The table in a file or a folder of parts; UserError where it is none or cannot be read."""
    if not path.is_dir():
        return _opened(path, format)
    if kept := next((kind for kind, mark in LOGGED.items() if any(path.glob(mark))), None):
        raise UserError(
            f"data.path={path}: {kept}, whose log says which of its files still count; read it with its own "
            "library and save it as one .parquet file"
        )
    files = [file for file in files_below(path) if _kind(file) is not None]
    kinds = {_kind(file) for file in files}
    if not files:
        raise UserError(f"data.path={path}: a folder without a table in it; name {WANTED}")
    if len(kinds) > 1:
        names = " and ".join(
            sorted(file.name for file in (files[0], next(f for f in files if _kind(f) != _kind(files[0]))))
        )
        raise UserError(f"data.path={path}: a folder of different kinds of files ({names}); name one of them")
    parts = [file for file in files if not _is_empty(file)]
    if not parts:
        raise UserError(f"data.path={path}: no rows in any of its {len(files)} files; at least 2 are needed")
    return Parts(path, parts, lambda file: _opened(file, format))


def keys_for(path: Path) -> tuple[str, ...]:
    """The keys of ``Format`` that mean something to the reader of a file or a folder of parts."""
    kinds = [_kind(file) for file in (files_below(path) if path.is_dir() else [path])]
    kind = next((kind for kind in kinds if kind is not None), None)
    if kind in ARROW:
        return ("missing_values",)
    return ("missing_values", "header", "skip_rows") if kind in EXCEL else FORMAT_KEYS


def _opened(path: Path, format: Format) -> TableFile:
    kind = _kind(path)
    if kind is None:
        packed = path.suffix.lower() in PACKED
        fix = f"unpack it, or call what holds a text table {path.stem}.csv{path.suffix}" if packed else "save it as one"
        raise UserError(
            f"data.path={path}: not a .csv (or .tsv, .txt, .csv.gz), .parquet, .feather or .xlsx file; {fix}"
        )
    with readable(path), open_regular(path) as file:
        magic = file.read(6)
    if kind in TEXT and magic.startswith((b"PAR1", b"ARROW1")):
        raise UserError(
            f"data.path={path}: a Parquet or Arrow file that is called {kind}; rename it to .parquet or .arrow"
        )
    if kind in ARROW:
        return ArrowFile(path, format)
    return ExcelFile(path, format) if kind in EXCEL else TextFile(path, format)


def _kind(path: Path) -> str | None:
    """The suffix that says what a file is, in small letters; that of a packed text table is the one before."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in PACKED:
        suffixes.pop()
    return suffixes[-1] if suffixes and suffixes[-1] in (*TEXT, *ARROW, *EXCEL) else None


def _is_empty(path: Path) -> bool:
    """Whether a part has no byte, as Spark writes where a task had no row."""
    return path.is_file() and path.stat().st_size == 0
