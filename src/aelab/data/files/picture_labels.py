"""Labels of pictures from a table beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aelab.errors import UserError

NAMES = ("label", "labels", "class", "target", "category", "y")


def table_labels(folder: Path, labels: str, files: Sequence[str]) -> list[str | None]:
    """The label of each file by ``labels``: a table in ``folder`` or elsewhere, and perhaps ``:column`` behind it.

    One column names the files by their path, name or stem. None for a file without a row. Raises UserError where the
    table does not name them, or several columns may be the labels.
    """
    from aelab.data.tables.format import Format
    from aelab.data.tables.frames import open_table

    name, column = labels, None
    path = _found(folder, name)
    if path is None and ":" in labels:
        name, _, column = labels.rpartition(":")
        path = _found(folder, name)
    if path is None:
        raise UserError(f"data.labels={labels}: no such file in {folder}, nor seen from {Path.cwd()}")
    table = open_table(path, Format())
    [frame] = table.frames(None, table.names, table.names)
    text = frame.astype(object).where(frame.notna(), None)
    calls = [{file: file for file in files}, {Path(f).name: f for f in files}, {Path(f).stem: f for f in files}]
    hits = {
        (key, by): sum(str(value).lstrip("./") in call for value in text[key])
        for key in table.names
        for by, call in enumerate(calls)
    }
    key, by = max(hits, key=lambda choice: (hits[choice], -choice[1]))
    if not hits[key, by]:
        raise UserError(f"data.labels={labels}: no column of {path} names the pictures, like {files[0]}")
    others = [other for other in table.names if other != key and other not in table.nameless]
    column = column or next(
        (other for other in others if other.lower() in NAMES), others[0] if len(others) == 1 else None
    )
    if column not in others:
        raise UserError(
            f"data.labels={labels}: {path} has the columns {', '.join(others) or 'of names alone'}; say which has the "
            f"labels, like data.labels={name}:{others[0] if others else 'label'}"
        )
    if len({Path(file).name for file in files} if by == 1 else calls[by]) < len(files):
        raise UserError(f"data.labels={labels}: several pictures have the same name; name them by their path in {path}")
    found: dict[str, str] = {}
    for value, label in zip(text[key], text[column], strict=True):
        file = calls[by].get(str(value).lstrip("./"))
        if file is None or label is None:
            continue
        if found.setdefault(file, str(label)) != str(label):
            raise UserError(f"data.labels={labels}: {file} is {found[file]} and {label} in {path}; keep one row of it")
    return [found.get(file) for file in files]


def _found(folder: Path, name: str) -> Path | None:
    return next((path for path in (folder / name, Path(name).expanduser()) if path.is_file()), None)
