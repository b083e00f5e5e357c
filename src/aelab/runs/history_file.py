"""The rows of metrics.jsonl: reading, averaging over replicas, replacing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from aelab.machines.atomic_files import write_whole
from aelab.machines.regular_files import read_inside
from aelab.runs.record import integer, is_number

LIMIT = 64 * 2**20  # bytes of a metrics file, of which 100,000 epochs fill most


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Rows of a metrics file; a line torn by a crash is left out."""
    return [row for row in rows_of(path.parent, path.name) if isinstance(row.get("epoch"), int)]


def rows_of(top: Path, *parts: str) -> Iterator[dict[str, Any]]:
    """Rows of the file ``top``/``parts``, of a name in their keys and a number each; what is no row is left out."""
    try:
        lines = read_inside(top, *parts, limit=LIMIT).splitlines()
    except OSError:
        return
    for line in lines:
        try:
            row = json.loads(line, parse_int=integer)
        except (ValueError, RecursionError):  # the last line of a run that was killed is often torn
            continue
        if isinstance(row, dict):
            yield {key: value for key, value in row.items() if is_number(value)}


def mean_history(paths: Sequence[Path], weights: Sequence[int]) -> list[dict[str, Any]]:
    """Rows of several metrics files as one: the weighted mean of every metric, epoch by epoch."""
    gathered: dict[int, list[tuple[int, dict[str, Any]]]] = {}
    for path, weight in zip(paths, weights, strict=True):
        for row in read_rows(path):
            gathered.setdefault(row["epoch"], []).append((weight, row))
    rows = []
    for epoch, parts in sorted(gathered.items()):
        total = sum(weight for weight, _ in parts)
        names = [name for name in parts[0][1] if all(name in row for _, row in parts)]
        rows.append(
            {name: sum(weight * row[name] for weight, row in parts) / total for name in names} | {"epoch": epoch}
        )
    return rows


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Replace a metrics file."""
    write_whole(path, "".join(json.dumps(row) + "\n" for row in rows))
