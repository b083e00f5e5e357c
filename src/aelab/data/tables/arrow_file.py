"""A table of Arrow: Parquet, and Feather or Arrow IPC."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

from aelab.data.tables.columns import flat_name
from aelab.data.tables.format import Format
from aelab.data.tables.reading import readable
from aelab.data.tables.typed_columns import masked, only_numbers
from aelab.errors import UserError
from aelab.machines.regular_files import open_regular

PARQUET = (".parquet", ".pq", ".parq")


class ArrowFile:
    """Columns with types. Two levels of names become one, ``m a``; an index that pandas saved is set aside."""

    typed = True

    def __init__(self, path: Path, format: Format) -> None:
        format.only("a Parquet or Arrow file", "missing_values")
        if find_spec("pyarrow") is None:
            raise UserError(f'data.path={path}: Parquet and Arrow need pyarrow; run: pip install "aelab[parquet]"')
        self.path = path
        self.missing = format.missing_values
        self.said: list[str] = []
        self.marks: dict[str, str] = {}
        with readable(path), self._opened() as file:
            schema = _schema(file)
        self.stored: list[str] = list(schema.names)
        about = schema.pandas_metadata or {}
        levels = len(about.get("column_indexes") or []) > 1
        self.names = [_one_level(name) if levels else name for name in self.stored]
        twice = next((name for name, count in Counter(self.names).items() if count > 1), None)
        if twice:
            raise UserError(f"data.path={path}: two columns are called {twice}; give each a name of its own")
        saved = {name for name in about.get("index_columns") or [] if isinstance(name, str)}
        self.nameless = [name for name in self.names if not name.strip()]
        self.set_aside = [name for name, own in zip(self.names, self.stored, strict=True) if own in saved]

    def _opened(self) -> Any:
        source = open_regular(self.path)
        try:
            return _opened(self.path, source)
        except BaseException:
            source.close()
            raise

    def frames(self, size: int | None, wanted: Sequence[str], exact: Collection[str]) -> Iterator[pd.DataFrame]:
        """Columns of the table, whole or about ``size`` bytes of float32 at a time; whole numbers in ``exact`` stay."""
        own = [self.stored[self.names.index(name)] for name in wanted]
        rows = None if size is None else max(1, size // (4 * max(1, len(own))))
        first = 0
        found = []
        with readable(self.path), self._opened() as file:
            for batch in _batches(file, own, rows):
                frame = _frame(batch, own, wanted, exact)
                frame.index = pd.RangeIndex(first, first + len(frame))
                first += len(frame)
                if rows is None:
                    found.append(frame)
                else:
                    yield masked(frame, self.missing)
            if not first and not found:
                found.append(_frame(_schema(file).empty_table(), own, wanted, exact))
            if rows is None or not first:
                yield masked(pd.concat(found) if len(found) != 1 else found[0], self.missing)

    def as_numbers(self, column: pd.Series) -> pd.Series:
        """Numbers of a column that has others beside them; text is none."""
        return only_numbers(column)

    def row(self, index: int) -> str:
        return f"row {index + 1}"


def _opened(path: Path, source: Any) -> Any:
    """The reader of what the file holds."""
    magic = source.read(6)
    source.seek(0)
    arrow = path.suffix.lower() not in PARQUET and not magic.startswith(b"PAR1")
    if arrow or magic.startswith(b"ARROW1"):
        from pyarrow import ipc

        if magic.startswith(b"FEA1"):
            raise UserError(f"data.path={path}: Feather of version 1, which is not read; save it anew")
        return _Reader(ipc.open_file(source) if magic.startswith(b"ARROW1") else ipc.open_stream(source), source)
    from pyarrow.parquet import ParquetFile

    source.close()
    return ParquetFile(path, buffer_size=2**16)


class _Reader:
    """A reader as a context that closes what it reads from."""

    def __init__(self, reader: Any, source: Any) -> None:
        self.reader = reader
        self.source = source

    def __enter__(self) -> Any:
        return self.reader

    def __exit__(self, *_: object) -> None:
        self.source.close()


def _one_level(name: str) -> str:
    """``m a`` of the text that pandas stores for a name of two levels."""
    try:
        return flat_name(ast.literal_eval(name))
    except (ValueError, SyntaxError):
        return name


def _schema(file: Any) -> Any:
    return file.schema_arrow if hasattr(file, "schema_arrow") else file.schema


def _batches(file: Any, columns: list[str], rows: int | None) -> Iterator[Any]:
    if hasattr(file, "iter_batches"):
        if rows is None:
            yield file.read(columns)
            return
        for group in range(file.num_row_groups):  # else it keeps all that it has read
            yield from file.iter_batches(rows, [group], columns, use_threads=False)
        return
    batches = (file.get_batch(i) for i in range(file.num_record_batches)) if hasattr(file, "get_batch") else iter(file)
    for batch in batches:
        some = rows or max(1, len(batch))
        for start in range(0, len(batch), some):
            yield batch.slice(start, some).select(columns)


def _text(value: Any) -> Any:
    """Bytes as text, so that they compare with what is typed; anything else as it is."""
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value


def _frame(batch: Any, own: list[str], names: Sequence[str], exact: Collection[str]) -> pd.DataFrame:
    import pyarrow as pa

    columns: dict[str, pd.Series] = {}
    whole = (pd.Int8Dtype(), pd.Int16Dtype(), pd.Int32Dtype(), pd.Int64Dtype())
    nullable = dict(zip((pa.int8(), pa.int16(), pa.int32(), pa.int64()), whole, strict=True))
    for stored, name in zip(own, names, strict=True):
        column = batch.column(stored)
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if pa.types.is_decimal(column.type):
            column = column.cast(pa.float64())
        mapper = nullable.get if name in exact and column.null_count else None
        series = column.to_pandas(types_mapper=mapper)
        if pa.types.is_nested(column.type):
            series = series.map(str, na_action="ignore")
        elif series.dtype == object:
            series = series.map(_text, na_action="ignore")
        columns[name] = series
    return pd.DataFrame(columns)
