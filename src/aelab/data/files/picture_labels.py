"""Labels of pictures from a table beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from aelab.data.files.images import SUFFIXES
from aelab.errors import UserError

NAMES = ("label", "labels", "class", "target", "category", "y")


def table_labels(folder: Path, labels: str, files: Sequence[str]) -> tuple[list[str | None], list[str]]:
    """The label of each file by ``labels``, and what of them the user should know.

    ``labels``: a table in ``folder`` or elsewhere, and perhaps ``:column`` behind it. One column names the files by
    their path, name or stem. None for a file without a row. Raises UserError where the table does not name
    them, or several columns may be the labels.
    """
    from aelab.data.tables.format import Format
    from aelab.data.tables.frames import open_table

    name = labels
    column = None
    path = _found(folder, name)
    if path is None and ":" in labels:
        name, _, column = labels.rpartition(":")
        path = _found(folder, name)
    if path is None:
        raise UserError(f"data.labels={labels}: no such file in {folder}, nor seen from {Path.cwd()}")
    table = open_table(path, Format())
    [frame] = table.frames(None, table.names, table.names)
    text = frame.astype(object).where(frame.notna(), None)
    calls = [{way(file): file for file in files} for way in WAYS]
    hits = {
        (key, by): sum(value is not None and way(str(value)) in calls[by] for value in text[key])
        for key in table.names
        for by, way in enumerate(WAYS)
    }
    key, by = max(hits, key=lambda choice: (hits[choice], -choice[1]))
    if not hits[key, by]:
        raise UserError(f"data.labels={labels}: no column of {path} names the pictures, like {files[0]}")
    if any(way(key) in call for way, call in zip(WAYS, calls, strict=True)):
        raise UserError(f"data.labels={labels}: row 1 of {path} names a picture, {key}; put names of columns above it")
    others = [other for other in table.names if other != key and other not in table.nameless]
    column = column or next(
        (other for other in others if other.lower() in NAMES), others[0] if len(others) == 1 else None
    )
    if column not in others:
        raise UserError(
            f"data.labels={labels}: {path} has the columns {', '.join(others) or 'of names alone'}; say which has the "
            f"labels, like data.labels={name}:{others[0] if others else 'label'}"
        )
    if len(calls[by]) < len(files):
        raise UserError(f"data.labels={labels}: several pictures have the same name; name them by their path in {path}")
    found: dict[str, str] = {}
    more = []
    for value, label in zip(text[key], text[column], strict=True):
        file = calls[by].get(WAYS[by](str(value)))
        if file is None:
            more.append(str(value))
        elif label is not None and found.setdefault(file, str(label)) != str(label):
            raise UserError(f"data.labels={labels}: {file} is {found[file]} and {label} in {path}; keep one row of it")
    lacking = [file for file in files if file not in found]
    lines = [
        (lacking, "picture{s} without a label"),
        (more, f"row{{s}} of {path.name} that name{{no}} no picture"),
    ]
    said = [
        f"left out {len(some)} {line.format(s='s' * (len(some) > 1), no='s' * (len(some) == 1))}, such as {some[0]}"
        for some, line in lines
        if some
    ]
    return [found.get(file) for file in files], said


def _path(call: str) -> str:
    return call.replace("\\", "/").removeprefix("./")


def _name(call: str) -> str:
    return _path(call).rpartition("/")[2]


def _stem(call: str) -> str:
    name = _name(call)
    return Path(name).stem if name.lower().endswith(SUFFIXES) else name


WAYS: tuple[Callable[[str], str], ...] = (_path, _name, _stem)
"""How a table may call a picture: by its path, its name or its stem."""


def _found(folder: Path, name: str) -> Path | None:
    return next((path for path in (folder / name, Path(name).expanduser()) if path.is_file()), None)
