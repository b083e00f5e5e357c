"""The text of the user's file, plain or .gz."""

from __future__ import annotations

import gzip
from pathlib import Path

from aelab.data.files.user_files import unreadable
from aelab.errors import UserError
from aelab.machines.regular_files import open_regular


def read_text(path: Path) -> str:
    """All of it, line ends as they are. Raises UserError where it cannot be read; of bytes that are no UTF-8 it names
    the line."""
    try:
        with open_regular(path) as file:
            raw = file.read()
        content = gzip.decompress(raw) if path.suffix.lower() == ".gz" else raw
    except Exception as error:
        raise unreadable(path, error) from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = 1 + content[: error.start].count(b"\n")
        raise UserError(
            f"data.path={path}: line {line} is not UTF-8 (byte 0x{content[error.start]:02x}); save the file as UTF-8, "
            f"for example iconv -f latin1 -t utf-8 {path.name} > utf8-{path.name}"
        ) from error
