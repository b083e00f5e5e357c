"""What a reader of tables promises, and its failures as one line."""

from __future__ import annotations

import csv
import lzma
import zipfile
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from aelab.config.pasted import pasted
from aelab.data.files.user_files import unreadable
from aelab.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

# pandas' and pyarrow's own errors are ValueErrors; the others come from what a file is packed with
DAMAGED = (
    OSError, ValueError, KeyError, ImportError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, MemoryError,
    csv.Error, NotImplementedError, RuntimeError,
)  # fmt: skip


class TableFile(Protocol):
    """A table in a file.

    ``names``: of its columns, all different. ``nameless``: those that stand for none. ``set_aside``: columns that are
    no input unless somebody asks for them, such as a saved index. ``typed``: whether the file says of each column
    what it is, so that text in it is meant as text. ``said``: what the user should know about how it is read.
    ``marks``: the signs by which text is read as numbers, ``decimal`` and perhaps ``thousands``.
    """

    path: Path
    names: list[str]
    nameless: list[str]
    set_aside: list[str]
    typed: bool
    said: list[str]
    marks: dict[str, str]

    def frames(self, size: int | None, wanted: Sequence[str], exact: Collection[str]) -> Iterator[pd.DataFrame]:
        """Columns of the table, whole or about ``size`` bytes of float32 at a time; ``exact``: as they are written.

        The index counts the rows of the table from 0, as pandas would: neither names nor rows that are left out count.
        """

    def as_numbers(self, column: pd.Series) -> pd.Series:
        """Text as float64; NaN where it is no number."""

    def row(self, index: int) -> str:
        """What a person calls the row that has this index."""


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Around reading a file: what goes wrong becomes a UserError."""
    try:
        yield
    except UserError:
        raise
    except UnicodeDecodeError as error:
        byte = f"byte 0x{error.object[error.start]:02x}" if error.start < len(error.object) else "its end"
        raise UserError(
            f"data.path={path}: cannot be read as {error.encoding} ({byte}); name its encoding, like "
            f"{pasted('data.encoding', 'cp1252')} for text of Windows"
        ) from error
    except UnicodeError as error:
        raise UserError(f"data.path={path}: cannot be read ({error}); name its encoding with data.encoding=") from error
    except csv.Error as error:
        raise UserError(f"data.path={path}: cannot be read ({error}); is a quote never closed?") from error
    except DAMAGED as error:
        raise unreadable(path, error) from error
