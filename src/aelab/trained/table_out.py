"""Rows of any number as one CSV or Parquet file, which has its name once all of them are in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aelab.errors import UserError
from aelab.machines.atomic_files import unfinished_of
from aelab.machines.folders import made

if TYPE_CHECKING:
    import pandas as pd

Write = Callable[["pd.DataFrame"], None]


def check_target(key: str, target: Path, suffixes: Sequence[str], force: bool, data: Path | None) -> None:
    """Raise UserError where ``target`` is no such file, is there and may not be replaced, or is ``data`` itself.

    ``key``: as which the user names it. ``data``: what is read.
    """
    if target.suffix.lower() not in suffixes:
        raise UserError(f"{key}={target}: written as {', '.join(suffixes[:-1])} or {suffixes[-1]}; name it so")
    if data is not None and data.exists() and target.exists() and target.samefile(data):
        raise UserError(f"{key}={target}: the data themselves, which would be gone; name another file with {key}=...")
    check_replaced(key, target, force)


def check_outside(key: str, target: Path, data: Path | None) -> None:
    """Raise UserError where ``target``, which the user named, would become a part of the folder ``data``."""
    if data is not None and data.is_dir() and data.resolve() in target.resolve().parents:
        raise UserError(f"{key}={target}: in the folder of the data, of which it would be a part; name another place")


def check_replaced(key: str, target: Path, force: bool) -> None:
    """Raise UserError where ``target`` is there already and may not be replaced."""
    if target.is_dir():
        raise UserError(f"{key}={target}: a folder; name a file in it")
    if target.exists() and not force:
        raise UserError(f"{key}={target}: is there already; force=true writes it anew, or name another with {key}=...")


def named_origin(origin: Mapping[str, Any], id: str | None, others: Iterable[str]) -> dict[str, Any]:
    """Where rows were read as columns of a table that has ``others``, too: ids are called as in the user's file."""
    name = str(id)
    count = 1
    taken = {*origin, *others} - {"id"}
    while name in taken:
        name = f"{id}.{count}"
        count += 1
    return {name if key == "id" else key: values for key, values in origin.items()}


@contextmanager
def table_out(key: str, target: Path) -> Iterator[Write]:
    """What writes frames of the same columns, one behind the other, to ``target``; where that fails nothing is left.

    Raises UserError where the file cannot be written.
    """
    with ExitStack() as stack:
        with _writable(key, target):
            stack.enter_context(made(target.parent))
            unfinished = unfinished_of(target)
            opened = _Parquet(unfinished) if target.suffix.lower() == ".parquet" else _Text(unfinished)
        stack.callback(unfinished.unlink, missing_ok=True)
        stack.callback(opened.close)

        def write(frame: pd.DataFrame) -> None:
            with _writable(key, target):
                opened.write(frame)

        yield write
        with _writable(key, target):
            opened.close()
            os.replace(unfinished, target)


class _Text:
    """CSV: floats in as few digits as give them back to the bit."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("w", encoding="utf-8", newline="")
        self.header = True

    def write(self, frame: pd.DataFrame) -> None:
        frame.to_csv(self.file, header=self.header, index=False, lineterminator="\n")
        self.header = False

    def close(self) -> None:
        self.file.close()


class _Parquet:
    """Parquet, in the types of the first frame."""

    def __init__(self, path: Path) -> None:
        try:
            import pyarrow.parquet  # noqa: F401
        except ImportError as error:
            raise UserError(
                f'{path.suffix}: needs pyarrow, which is not installed; pip install "aelab[parquet]"'
            ) from error
        self.path = path
        self.writer: Any = None

    def write(self, frame: pd.DataFrame) -> None:
        import pyarrow as pa
        from pyarrow.parquet import ParquetWriter

        schema = None if self.writer is None else self.writer.schema
        table = pa.Table.from_pandas(frame, schema, preserve_index=False, nthreads=1)
        if self.writer is None:
            self.writer = ParquetWriter(self.path, table.schema)
        self.writer.write_table(table)

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()


@contextmanager
def _writable(key: str, target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{key}={target}: cannot be written ({error.strerror or error}); name another file with {key}=..."
        ) from error
