"""A table in parts: a folder of files as Spark and Dask write it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pandas as pd

from aelab.data.tables.reading import TableFile
from aelab.data.tables.spelled_numbers import PLAIN
from aelab.errors import UserError

WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
NOWHERE = "__HIVE_DEFAULT_PARTITION__"


class Parts:
    """Files of the same columns, in the order of their names. Folders called ``year=2020`` add a column ``year``."""

    def __init__(self, path: Path, files: Sequence[Path], opened: Callable[[Path], TableFile]) -> None:
        self.path = path
        self.parts: list[tuple[TableFile, dict[str, str]]] = []
        for file in files:
            inner = file.relative_to(path).parts[:-1]
            said = dict(part.split("=", 1) for part in inner if "=" in part)
            self.parts.append((opened(file), {key: unquote(value) for key, value in said.items()}))
        first, keys = self.parts[0]
        for part, others in self.parts[1:]:
            if part.names != first.names or list(others) != list(keys):
                odd = sorted({*part.names, *others} ^ {*first.names, *keys}) or ["the order of its columns"]
                raise UserError(
                    f"data.path={path}: {part.path.relative_to(path)} has other columns than "
                    f"{first.path.relative_to(path)} ({', '.join(odd[:5])}); keep files of one table in a folder"
                )
        if both := [key for key in keys if key in first.names]:
            raise UserError(
                f"data.path={path}: two columns are called {both[0]}, in the files and as folders; rename one"
            )
        self.names = [*first.names, *keys]
        self.nameless = first.nameless
        self.set_aside = first.set_aside
        self.typed = first.typed
        self.marks = first.marks
        self.said = [f"read {len(files)} files of {path} as one table", *first.said]
        numeric = {key: all(_is_number(others[key]) for _, others in self.parts) for key in keys}
        self.numeric = {key for key, found in numeric.items() if found}
        self.lengths: list[int] = []

    def frames(self, size: int | None, wanted: Sequence[str], exact: Collection[str]) -> Iterator[pd.DataFrame]:
        """The frames of one part after the other; of the whole, one."""
        found = []
        first = 0
        self.lengths = []
        for part, values in self.parts:
            own = [name for name in wanted if name in part.names]
            before = first
            for frame in part.frames(size, own or part.names[:1], exact):
                frame = frame.assign(**self._values(values, wanted, exact))[list(wanted)]
                frame.index += before
                first = int(frame.index[-1]) + 1 if len(frame) else first
                if size is None:
                    found.append(frame)
                else:
                    yield frame
            self.lengths.append(first - before)
        if size is None:
            yield pd.concat([frame for frame in found if len(frame)] or found[:1])

    def _values(self, values: dict[str, str], wanted: Sequence[str], exact: Collection[str]) -> dict[str, Any]:
        return {key: self._value(key, value, exact) for key, value in values.items() if key in wanted}

    def _value(self, key: str, value: str, exact: Collection[str]) -> object:
        if value == NOWHERE:
            return None
        if key not in self.numeric or key in exact:
            return value
        return int(value) if WHOLE.fullmatch(value) else float(value)

    def as_numbers(self, column: pd.Series) -> pd.Series:
        return self.parts[0][0].as_numbers(column)

    def row(self, index: int) -> str:
        for (part, _), length in zip(self.parts, self.lengths, strict=False):
            if index < length:
                return f"{part.row(index)} of {part.path.name}"
            index -= length
        return f"{self.parts[-1][0].row(index)} of {self.parts[-1][0].path.name}"


def _is_number(value: str) -> bool:
    return value == NOWHERE or PLAIN.fullmatch(value) is not None


def files_below(path: Path) -> list[Path]:
    """Files under a folder that may be parts of a table, each real one once.

    None is hidden, a mark of Spark's, like ``_SUCCESS``, or a lock of Excel's.
    """
    found = []
    for parent, folders, files in os.walk(path):
        folders[:] = sorted(folder for folder in folders if folder[0] not in "._")
        found += [Path(parent, file) for file in files if file[0] not in "._~" and not file.endswith(".crc")]
    found.sort(key=lambda file: (file.is_symlink(), file), reverse=True)
    real = {file.resolve(): file for file in found}  # of several names the one that is no link, else the first
    return sorted(real.values())
